"""The Lua script that reads the feed of a RedisStore.

The feed is a stream, to which the script REVOKE appends each revocation as long as the key of its
state exists. This script creates the state, and keeps both keys alive.

The state has the `epoch`, a random text that changes whenever entries may be missing; `since`, the
time from which on the stream has everything; `kept`, the milliseconds for which entries are kept;
`seen`, the time of a recent read; and `length`, the number of entries that the stream must have.
"""

from typing import Final

__all__ = ["FOLLOW"]

# A stream of another length was trimmed or replaced by somebody else. Time that seems to have
# passed without a read was a step of the clock, or there was no reader: nothing is trimmed then,
# because entries could only look old, and new readers do not rely on the stream alone. The newest
# entry is never trimmed: readers recognize by their newest entry that nothing was lost.
FOLLOW: Final = """
local state, stream = KEYS[1], KEYS[2]
local nonce, epoch, kept = ARGV[1], ARGV[2], tonumber(ARGV[3])
local from, count = ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local found = redis.call('HMGET', state, 'epoch', 'since', 'kept', 'seen', 'length')
local since, is_changed = now, true
if found[1] and redis.call('XLEN', stream) == tonumber(found[5]) then
    epoch, since = found[1], tonumber(found[2])
    local earlier, seen = tonumber(found[3]), tonumber(found[4])
    if earlier < kept then since = math.max(since, now - earlier) else kept = earlier end
    is_changed = earlier < kept or now < seen or now - seen > 5000
    if now - seen > 60000 then
        since = now
    elseif is_changed then
        local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1][1]
        local oldest = now - kept - 60000
        if tonumber(string.match(newest, '^%d+')) > oldest then
            local gone = redis.call('XTRIM', stream, 'MINID', text(oldest))
            redis.call('HINCRBY', state, 'length', 0 - gone)
        end
    end
else
    redis.call('DEL', state, stream)
    redis.call('XADD', stream, '*', 'r', epoch)
    redis.call('HSET', state, 'length', 1)
end
if is_changed then
    redis.call('HSET', state, 'epoch', epoch, 'since', text(since), 'kept', text(kept), 'seen', text(now))
    redis.call('PEXPIRE', state, text(kept + 3600000))
    redis.call('PEXPIRE', stream, text(kept + 3600000))
end
local is_complete = since <= now - tonumber(ARGV[3]) and 1 or 0
local lines = redis.call('XRANGE', stream, from, '+', 'COUNT', count)
for place, entry in ipairs(lines) do lines[place] = entry[1] .. ' ' .. entry[2][2] end
return {nonce, epoch, is_complete, text(now), table.concat(lines, '\\n')}
"""
