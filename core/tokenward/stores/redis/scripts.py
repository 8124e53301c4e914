"""The four atomic steps of a RedisStore, as Lua scripts.

The record of a revocation is the text ``keep_until moment``. The uses of a session are ``keep_until
next_token``, then ``token grace_until use`` for each of the latest uses, the newest first; tokens are
their marks. The sealed pair of the newest use is ``use sealed``. An earlier version kept ``keep_until
grace_until use pair_key`` for each consumed token.

Every script returns the nonce of its caller, alone or before other values, so that the reply to
another call is detected. An unreadable record is an error, never "no record".
"""

from typing import Final

__all__ = ["CHECK", "CONSUME", "RAISE", "REVOKE", "SHARED"]

# Most checks find nothing, for which EXISTS is sufficient. MGET also returns nothing for a key of
# another type: only then the two counts differ, and the script returns 0 for such a key.
CHECK: Final = """
local count = redis.call('EXISTS', unpack(KEYS))
if count == 0 then return ARGV[1] end
local records = redis.call('MGET', unpack(KEYS))
for index = 1, #KEYS do
    if records[index] then count = count - 1 end
end
if count ~= 0 then
    for index = 1, #KEYS do
        if not records[index] and type(redis.pcall('GET', KEYS[index])) == 'table' then
            records[index] = 0
        end
    end
end
table.insert(records, 1, ARGV[1])
return records
"""
# Lua loses digits when it formats numbers, so scripts compare numbers and store the given texts.
SHARED: Final = """
local function number(text)
    if text == 'inf' then return math.huge end
    local value = tonumber(text)
    if not value or value ~= value then error('unreadable record') end
    return value
end
local function later(one, other) return number(one) >= number(other) and one or other end
local function write(key, record, life)
    if life == 0 then return redis.call('SET', key, record) end
    redis.call('SET', key, record, 'PX', string.format('%.0f', life))
end
"""
# The keys of the feed are absent in a cluster. Its state exists while a mirror reads the feed; see
# FOLLOW. The record is written last, because an error does not undo what a script has written.
REVOKE: Final = f"""{SHARED}
local keep_until, moment, life = ARGV[1], ARGV[2], tonumber(ARGV[3])
local old = redis.call('GET', KEYS[1])
if old then
    local old_keep_until, old_moment = string.match(old, '^(%S+) (%S+)$')
    keep_until, moment = later(old_keep_until, keep_until), later(old_moment, moment)
    local left = redis.call('PTTL', KEYS[1])
    life = (left < 0 or life == 0) and 0 or math.max(left, life)
end
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('XADD', KEYS[3], '*', 'r', ARGV[5] .. ' ' .. keep_until .. ' ' .. moment)
    redis.call('HINCRBY', KEYS[2], 'length', 1)
end
write(KEYS[1], keep_until .. ' ' .. moment, life)
return ARGV[4]
"""
# `former` is absent in a cluster. A former pair is under the key that the former record names, which
# was built from the successor; once the session has a record, the successor was consumed.
CONSUME: Final = f"""{SHARED}
local uses, pair, former = KEYS[1], KEYS[2], KEYS[3]
local now, use, keep_until, life = number(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local token, next_token, grace_until, most = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local sealed, sealed_life = ARGV[9], ARGV[10]
local function later_use(is_in_grace, key, by)
    if not is_in_grace then return {{use, 0, ''}} end
    if not key then return {{use, 1, ''}} end
    local sealed_by, found = string.match(redis.call('GET', key) or '- -', '^(%S+) (%S+)$')
    if not sealed_by then error('unreadable record') end
    return {{use, 1, sealed_by == by and found or ''}}
end
local first = former and redis.call('GET', former)
if first then
    local ends, grace, by, key = string.match(first, '^(%S+) (%S+) (%S+) (.+)$')
    if number(ends) > now then
        return later_use(now < number(grace), redis.call('EXISTS', uses) == 0 and key, by)
    end
end
local kept = ''
local record = redis.call('GET', uses)
if record then
    local pattern = '^(%S+) (%S+) (%S+) (%S+) (%S+)(.*)$'
    local ends, expected, other, grace, by, rest = string.match(record, pattern)
    local is_live, is_newest, count, found = number(ends) > now, true, 1, nil
    while other do
        local is_in_grace = number(grace) > now
        if other == token and not found then found = {{is_newest, is_in_grace, by}} end
        if is_in_grace and count < most then
            kept, count = kept .. ' ' .. other .. ' ' .. grace .. ' ' .. by, count + 1
        end
        is_newest = false
        if rest == '' then break end
        other, grace, by, rest = string.match(rest, '^ (%S+) (%S+) (%S+)(.*)$')
    end
    if not other then error('unreadable record') end
    if is_live and (token ~= expected or (found and found[1])) then
        if not found then return later_use(false) end
        if found[3] == use then
            -- Written again, because WAIT waits for the writes of its own connection.
            redis.call('SET', uses, record, 'KEEPTTL')
            return use
        end
        return later_use(found[2], found[1] and pair, found[3])
    end
    if not is_live then kept = '' end
    keep_until = later(ends, keep_until)
    local left = redis.call('PTTL', uses)
    life = (left < 0 or life == 0) and 0 or math.max(left, life)
end
if sealed ~= '' then redis.call('SET', pair, use .. ' ' .. sealed, 'PX', sealed_life)
else redis.call('DEL', pair) end
local own = ' ' .. token .. ' ' .. grace_until .. ' ' .. use
write(uses, keep_until .. ' ' .. next_token .. own .. kept, life)
return use
"""
RAISE: Final = f"""{SHARED}
local greatest = redis.call('GET', KEYS[1]) or '0.0'
if number(ARGV[1]) > number(greatest) then
    greatest = ARGV[1]
    redis.call('SET', KEYS[1], greatest)
end
return {{ARGV[2], greatest}}
"""
