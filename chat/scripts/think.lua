-- think: publish that the model works on a reply without text to show. It changes nothing, so the
-- event has the revision up to which it holds: the reply may end before a subscriber gets it.
-- Returns 1, or 0 if the reply is not being generated any more.
local reply_id = ARGV[1]
local frame = ARGV[2]

local state = read_state()
if not state or state.reply ~= reply_id then return 0 end

redis.call('PUBLISH', CHANNEL, '0 ' .. state.rev .. ' thinking ' .. frame)
return 1
