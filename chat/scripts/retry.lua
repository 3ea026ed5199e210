-- retry: drop the reply to the last human message and queue the session for a new one.
-- Returns {outcome, position in the queue, 1 if a task must be enqueued}.
local message_id = ARGV[1]
local request_id = ARGV[2]
local message_json = ARGV[3] -- the message with a new text, or ''
local frame = ARGV[4] -- that publishes it

local state = read_state()
if not state then return {'gone', 0, 0} end

local human, reply = last_exchange()
if not human or human.id ~= message_id then return {'unknown', 0, 0} end

-- A request that is repeated late must not drop the reply that it has led to.
if not reply or reply.status == 'streaming' or is_repeated(request_id) then
  return {'accepted', queue_position(human.id), needs_task(state, human.id)}
end

local edited = message_json ~= '' and cjson.decode(message_json).msg ~= human.msg
local old_reply = redis.call('JSON.ARRPOP', SESSION, '$.messages', -1)[1]
state.answered = state.answered - 1
redis.call('HSET', STATE, 'answered', state.answered, 'request', request_id)
if not edited and text_of(reply) ~= '' then redis.call('HSET', STATE, 'old_reply', old_reply) end
if message_json ~= '' then
  redis.call('JSON.SET', SESSION, message_path(2 * state.answered), message_json)
  publish(state, 'human', frame)
else
  publish(state, 'retried', '')
end
persist()
redis.call('ZADD', UNSTARTED, digits(now()), unstarted_member(human.id))
mark_queued()
return {'accepted', queue_position(human.id), 1}
