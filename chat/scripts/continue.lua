-- continue: take back the end of the last reply, if it was cut, and queue the session, so that a
-- worker goes on from its text.
-- Returns {outcome, position in the queue, 1 if a task must be enqueued}.
local message_id = ARGV[1]
local request_id = ARGV[2]

local state = read_state()
if not state then return {'gone', 0, 0} end

local human, reply = last_exchange()
if not human or human.id ~= message_id then return {'unknown', 0, 0} end

-- A request that is repeated late must not continue the reply a second time.
if not reply or reply.status == 'streaming' or is_repeated(request_id) then
  return {'accepted', queue_position(human.id), needs_task(state, human.id)}
end

local text = text_of(reply)
local cut = reply.finish == 'length' or reply.status == 'stopped'
  or (reply.status == 'failed' and text ~= '')
if not cut then return {'complete', 0, 0} end

reply.msg, reply.status = 'Bot: ', 'streaming'
reply.error, reply.error_msg, reply.finish, reply.model = nil, nil, nil, nil
redis.call('JSON.SET', SESSION, message_path(2 * state.answered - 1), cjson.encode(reply))
state.answered, state.attempt = state.answered - 1, 1
state.reply, state.reply_to = reply.id, human.id
redis.call('HSET', STATE, 'answered', state.answered, 'request', request_id, 'reply', reply.id,
  'reply_to', human.id, 'attempt', 1, 'claims', 0, 'kept', #text)
redis.call('HDEL', STATE, 'ended')
persist()
mark_queued()
start_with(state, text)
return {'accepted', 0, 1}
