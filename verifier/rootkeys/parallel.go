package rootkeys

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// maxWorkers is the most goroutines that work on one write: lookups go on meanwhile.
const maxWorkers = 4

// parallel calls do for 0 to n-1, grain of them in a row, on as many goroutines as that keeps
// busy, and returns after the last call. worker numbers the goroutines; do must not write what
// another call reads.
func parallel(n, grain int, do func(worker, i int)) {
	workers := min(maxWorkers, runtime.GOMAXPROCS(0), (n+grain-1)/grain)
	var next atomic.Int64
	work := func(worker int) {
		for {
			to := int(next.Add(int64(grain)))
			for i := to - grain; i < min(to, n); i++ {
				do(worker, i)
			}
			if to >= n {
				return
			}
		}
	}
	var others sync.WaitGroup
	for worker := 1; worker < workers; worker++ {
		others.Go(func() { work(worker) })
	}
	work(0)
	others.Wait()
}
