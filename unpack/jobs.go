package unpack

import "sync"

// jobs is the work that waits for a goroutine of the pool. The largest goes
// first: a long stream that is begun last would keep one processor busy while
// the others have nothing to do.
//
// Who waits for a group of jobs does those that nobody has begun. A goroutine
// is therefore blocked only while others are busy with its jobs, and nested
// containers can't deadlock. When much waits already, a job is done where it
// arises.
type jobs struct {
	mu    sync.Mutex
	some  sync.Cond // of list, or ended
	list  []job
	holds int64 // sum over list
	pool  int   // goroutines; 0: every job is done where it arises
	ended bool
}

type job struct {
	group *group
	size  int64 // bytes it is about
	holds int64 // bytes of memory it keeps
	do    func()
}

// group is what somebody waits for.
type group struct{ sync.WaitGroup }

const (
	maxJobs     = 256
	maxJobsHold = 8 << 20
)

// newJobs starts the pool.
func newJobs(pool int) *jobs {
	q := &jobs{pool: pool}
	q.some.L = &q.mu
	for range pool {
		go func() {
			for {
				j, ok := q.next()
				if !ok {
					return
				}
				j.run()
			}
		}()
	}
	return q
}

func (j *job) run() {
	defer j.group.Done()
	j.do()
}

// spawn adds a job to a group, or does it.
func (q *jobs) spawn(g *group, size, holds int64, do func()) {
	g.Add(1)
	j := job{g, size, holds, do}
	q.mu.Lock()
	if q.pool == 0 || len(q.list) == maxJobs || q.holds+holds > maxJobsHold {
		q.mu.Unlock()
		j.run()
		return
	}
	q.list = append(q.list, j)
	q.holds += holds
	q.mu.Unlock()
	q.some.Signal()
}

// next waits for a job and takes it.
func (q *jobs) next() (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 {
		if q.ended {
			return job{}, false
		}
		q.some.Wait()
	}
	best := 0
	for i := range q.list {
		if q.list[i].size > q.list[best].size {
			best = i
		}
	}
	return q.take(best), true
}

func (q *jobs) take(i int) job {
	j := q.list[i]
	q.holds -= j.holds
	last := len(q.list) - 1
	copy(q.list[i:], q.list[i+1:])
	q.list[last] = job{}
	q.list = q.list[:last]
	return j
}

// wait returns when all jobs of a group are done, and does what nobody has
// begun. Nothing may be added to the group meanwhile.
func (q *jobs) wait(g *group) {
	for {
		q.mu.Lock()
		i := 0
		for i < len(q.list) && q.list[i].group != g {
			i++
		}
		if i == len(q.list) {
			q.mu.Unlock()
			break
		}
		j := q.take(i)
		q.mu.Unlock()
		j.run()
	}
	g.Wait()
}

// end lets the pool go.
func (q *jobs) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.some.Broadcast()
}
