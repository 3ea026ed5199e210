-- accept: store a human message and queue its session. A known id stays as it is.
-- KEYS has one more key: Celery's queue, or '' if it is in another Redis.
-- Returns {outcome, position in the queue, 1 if a task must be enqueued, 1 if it was}.
local TASKS = KEYS[10]
local message_id = ARGV[1]
local message_json = ARGV[2]
local frame = ARGV[3] -- the frame to publish
local task = ARGV[4] -- the entry of the queue that wakes a worker for this session

-- Enqueue the task if there is one to enqueue. An error concerns the queue only: the message is
-- stored, and the caller or recovery will enqueue.
local function answer(must_enqueue)
  local position = queue_position(message_id)
  if must_enqueue == 1 and TASKS ~= '' and type(redis.pcall('LPUSH', TASKS, task)) == 'number' then
    return {'accepted', position, 0, 1}
  end
  return {'accepted', position, must_enqueue, 0}
end

local state = read_state()
if not state then return {'gone', 0, 0, 0} end

if redis.call('SISMEMBER', IDS, message_id) == 1 then
  return answer(needs_task(state, message_id))
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
return answer(must_enqueue)
