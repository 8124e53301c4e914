"""The four atomic steps of a RedisStore, as Lua scripts.

The record of a revocation is the text ``keep_until moment``, of a use ``keep_until grace_until use
pair_key``, and of a sealed pair ``use sealed``. ``pair_key`` is the key of the sealed pair, which is
built from the successor: consuming the successor deletes the pair.

Every script returns the nonce of its caller, alone or before other values, so that the reply to
another call is detected. An unreadable record is an error, never "no record".
"""

from typing import Final

__all__ = ["CHECK", "CONSUME", "RAISE", "REVOKE"]

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
_SHARED: Final = """
local function number(text)
    if text == 'inf' then return math.huge end
    local value = tonumber(text)
    if not value or value ~= value then error('unreadable record') end
    return value
end
local function write(key, record, life)
    if life == 0 then return redis.call('SET', key, record) end
    redis.call('SET', key, record, 'PX', string.format('%.0f', life))
end
"""
REVOKE: Final = f"""{_SHARED}
local function later(one, other) return number(one) >= number(other) and one or other end
local keep_until, moment, life = ARGV[1], ARGV[2], tonumber(ARGV[3])
local old = redis.call('GET', KEYS[1])
if old then
    local old_keep_until, old_moment = string.match(old, '^(%S+) (%S+)$')
    keep_until, moment = later(old_keep_until, keep_until), later(old_moment, moment)
    local left = redis.call('PTTL', KEYS[1])
    life = (left < 0 or life == 0) and 0 or math.max(left, life)
end
write(KEYS[1], keep_until .. ' ' .. moment, life)
return ARGV[4]
"""
CONSUME: Final = f"""{_SHARED}
local used, own_pair, next_pair = KEYS[1], KEYS[2], KEYS[3]
local now, use, life = number(ARGV[1]), ARGV[2], tonumber(ARGV[5])
local first = redis.call('GET', used)
if first then
    local keep_until, grace_until, first_use, pair = string.match(first, '^(%S+) (%S+) (%S+) (.+)$')
    if number(keep_until) > now then
        if first_use == use then return use end
        if now >= number(grace_until) then return {{use, 0, ''}} end
        local found = redis.call('GET', pair)
        local sealed_by, sealed = string.match(found or '- -', '^(%S+) (%S+)$')
        if not sealed_by then error('unreadable record') end
        return {{use, 1, sealed_by == first_use and sealed or ''}}
    end
end
if ARGV[6] ~= '' then write(next_pair, use .. ' ' .. ARGV[6], tonumber(ARGV[7])) end
write(used, ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. use .. ' ' .. next_pair, life)
redis.call('DEL', own_pair)
return use
"""
RAISE: Final = f"""{_SHARED}
local greatest = redis.call('GET', KEYS[1]) or '0.0'
if number(ARGV[1]) > number(greatest) then
    greatest = ARGV[1]
    redis.call('SET', KEYS[1], greatest)
end
return {{ARGV[2], greatest}}
"""
