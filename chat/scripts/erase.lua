-- erase: delete the session and all that is queued for it.
-- Returns 1, or 0 if there is none. A repeated request finds its own id and answers 1 again.
local request_id = ARGV[1]
local remember = ARGV[2] -- seconds for which a repeated request is known

local state = read_state()
if not state then return redis.call('GET', ERASED) == request_id and 1 or 0 end

for index = 2 * state.answered, message_count() - 1 do
  redis.call('ZREM', UNSTARTED, unstarted_member(message_at(index).id))
end
mark_idle()
publish(state, 'erased', '')
redis.call('SET', ERASED, request_id, 'EX', remember)
redis.call('DEL', SESSION, STATE, TEXT, IDS)
return 1
