-- accept: store a human message and queue its session. A known id stays as it is.
-- Returns {outcome, position in the queue, 1 if a task must be enqueued}.
local message_json = ARGV[1]

local state = read_state()
if not state then return {'gone', 0, 0} end

local human = cjson.decode(message_json)
if get_json('$.messages[?(@.id=="' .. human.id .. '")].id') then
  -- It is the oldest unanswered message of a queued session that needs the task.
  local oldest = message_at(2 * state.answered)
  local must_enqueue = oldest and oldest.id == human.id and is_queued() or 0
  return {'accepted', queue_position(human.id), must_enqueue}
end

redis.call('JSON.ARRAPPEND', SESSION, '$.messages', message_json)
redis.call('PERSIST', SESSION)
redis.call('ZADD', UNSTARTED, digits(now()), unstarted_member(human.id))
local must_enqueue = 0
if is_queued() == 0 and not redis.call('ZSCORE', LEASED, SESSION) then
  enqueue()
  must_enqueue = 1
end
publish(state, {type = 'message', message = human})
return {'accepted', queue_position(human.id), must_enqueue}
