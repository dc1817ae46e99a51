package rootkeys

import "sync"

// memory is what a writer works in. The contents of plain are needed until the records are written;
// those of sealed until the transaction has ended, because bbolt keeps them; the rest for one round of
// write.
type memory struct {
	plain, sealed, round [maxWorkers]arena
	records              [maxWorkers][]record
	chunks               [maxWorkers]chunkReader
	scratch              [maxWorkers][]byte
}

// release gives back memory that is no longer used. Don't call it after an error, because the
// transaction may go on.
func (m *memory) release() {
	release(&m.plain)
	release(&m.sealed)
	release(&m.round)
}

func release(arenas *[maxWorkers]arena) {
	for i := range arenas {
		arenas[i].release()
	}
}

// arena is memory for many values with the same lifetime: it is given back as a whole
// and used again, by other arenas too. It is for one goroutine.
type arena struct {
	slabs []*[slabSize]byte
	begun bool
	free  []byte
}

const (
	slabSize  = 256 << 10
	firstSize = 8 << 10 // most commits need no more
)

var slabs = sync.Pool{New: func() any { return new([slabSize]byte) }}

// room is empty memory for n bytes.
func (a *arena) room(n int) []byte {
	if n > slabSize/4 {
		return make([]byte, 0, n)
	}
	if !a.begun && n <= firstSize {
		a.begun, a.free = true, make([]byte, firstSize)
	}
	if len(a.free) < n {
		slab := slabs.Get().(*[slabSize]byte)
		a.slabs = append(a.slabs, slab)
		a.free = slab[:]
	}
	out := a.free[:0:n]
	a.free = a.free[n:]
	return out
}

// keep is a copy of b in the arena.
func (a *arena) keep(b []byte) []byte { return append(a.room(len(b)), b...) }

// release gives all memory back; nothing may use what was in it any more.
func (a *arena) release() {
	for _, slab := range a.slabs {
		slabs.Put(slab)
	}
	*a = arena{slabs: a.slabs[:0], begun: len(a.slabs) > 0}
}
