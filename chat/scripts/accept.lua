-- accept: store a human message and queue its session. A known id stays as it is.
-- Returns {outcome, position in the queue, 1 if a task must be enqueued}.
local message_id = ARGV[1]
local message_json = ARGV[2]
local frame = ARGV[3] -- the frame to publish

local state = read_state()
if not state then return {'gone', 0, 0} end

if redis.call('SISMEMBER', IDS, message_id) == 1 then
  return {'accepted', queue_position(message_id), needs_task(state, message_id)}
end

redis.call('JSON.ARRAPPEND', SESSION, '$.messages', message_json)
redis.call('SADD', IDS, message_id)
persist()
redis.call('ZADD', UNSTARTED, digits(now()), unstarted_member(message_id))
local must_enqueue = 0
if is_queued() == 0 and not redis.call('ZSCORE', LEASED, SESSION) then
  mark_queued()
  must_enqueue = 1
end
publish(state, 'human', frame)
return {'accepted', queue_position(message_id), must_enqueue}
