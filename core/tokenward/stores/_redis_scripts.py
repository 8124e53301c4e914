"""The two steps that Redis does as one each, in Lua.

A record is one text: of a revocation ``keep_until moment``, of a use
``keep_until grace_until use sealed successor``.
"""

from typing import Final

__all__ = ["CONSUME", "REVOKE"]

# Lua's own texts of numbers lose digits, so scripts compare numbers and keep the texts.
_SHARED: Final = """
local function number(text) return text == 'inf' and math.huge or tonumber(text) end
local function write(record, life)
    if life == 0 then return redis.call('SET', KEYS[1], record) end
    redis.call('SET', KEYS[1], record, 'PX', string.format('%.0f', life))
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
write(keep_until .. ' ' .. moment, life)
"""
CONSUME: Final = f"""{_SHARED}
local now, use, record, life = number(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local function is_live(found) return found and number(string.match(found, '^%S+')) > now end
local first = redis.call('GET', KEYS[1])
if not is_live(first) then
    write(record, life)
    return {{1, ''}}
end
local grace_until, first_use, sealed, successor =
    string.match(first, '^%S+ (%S+) (%S+) (%S*) (.*)$')
if first_use == use then return {{1, ''}} end
if now < number(grace_until) and not is_live(redis.call('GET', successor)) then
    return {{0, sealed}}
end
return {{0, ''}}
"""
