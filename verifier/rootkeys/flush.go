package rootkeys

import (
	"math"
	"slices"
)

// How changes reach the file: several goroutines encode records, open the chunks that change,
// and seal their successors; they touch neither bbolt nor its memory map.

// newToken is a token that changed, with what else its record needs.
type newToken struct {
	id   recordID
	user [16]byte
	t    *Token
	copy *newCopy
}

// encode makes records of the tokens that changed.
func (w *writer) encode() {
	contents := make([][]byte, len(w.tokens))
	parallel(len(w.tokens), 64, func(worker, i int) {
		n := &w.tokens[i]
		b := appendToken(w.memory.scratch[worker][:0], n.t, n.user, n.copy)
		w.memory.scratch[worker] = b
		contents[i] = w.memory.plain[worker].keep(b)
	})
	w.own[tokensTable].grow(len(w.tokens))
	for i := range w.tokens {
		w.own[tokensTable].set(w.tokens[i].id, contents[i])
	}
	clear(w.tokens)
	w.tokens = w.tokens[:0]
}

// flush writes what changed, and updates w.m accordingly.
func (w *writer) flush() error {
	w.encode()
	for table := range w.own {
		if _, err := w.write(table, w.own[table].sorted(), math.MaxInt); err != nil {
			return err
		}
		w.own[table].clear()
	}
	return nil
}

// group is the records that change in one chunk.
type group struct {
	key     recordID
	value   []byte // the chunk, copied from the file; nil where the table is empty
	place   place  // that its seals are bound to
	last    bool   // it is the last chunk of its table
	changes []record
	parts   []part // what takes its place
	err     error
}

// part is a chunk to be sealed.
type part struct {
	key     recordID
	records []record
	size    int // of the chunk, at most
	sealed  []byte
}

// roundBytes bounds the bytes of the chunks whose records write opens at once.
const roundBytes = 2 << 20

// write writes records, which come in the order of their ids, and updates w.m accordingly. It
// stops after about that many chunks, and returns how many of the records it has written.
func (w *writer) write(table int, list []record, chunks int) (done int, err error) {
	var all []change
	for cut := false; !cut && done < len(list) && w.written < chunks; {
		var groups []group
		var n int
		groups, n, cut, err = w.groups(table, list[done:], chunks-w.written)
		if err != nil {
			return 0, err
		}
		if err := w.seal(tableKinds[table], groups); err != nil {
			return 0, err
		}
		for i := range groups {
			c, err := w.putGroup(tableKinds[table], &groups[i])
			if err != nil {
				return 0, err
			}
			all = append(all, c)
		}
		release(&w.memory.round)
		done += n
	}
	if len(all) > 0 {
		w.m.tables[table] = w.m.tables[table].changed(all, w.stamp)
	}
	return done, nil
}

func (w *writer) putGroup(kind byte, g *group) (change, error) {
	c := change{old: g.key, keys: make([]recordID, 0, len(g.parts))}
	for i := range g.parts {
		if err := w.put(fileKey(kind, g.parts[i].key), g.parts[i].sealed); err != nil {
			return c, err
		}
		c.keys = append(c.keys, g.parts[i].key)
	}
	w.written += len(g.parts)
	return c, nil
}

// groups are the next records of list, as many as fit into a round and into that many chunks. If
// the last group is cut short, the write has to end with it: what follows changes its parts.
func (w *writer) groups(table int, list []record, chunks int) (out []group, n int, cut bool, err error) {
	t := &w.m.tables[table]
	for size := 0; n < len(list) && size < roundBytes && chunks > 0; {
		g := group{last: true}
		end := len(list)
		b, i := t.find(&list[n].id)
		if b != nil {
			value, key, p, err := w.chunk(table, &list[n].id)
			if err != nil {
				return nil, 0, false, err
			}
			next, ok := t.after(b, i, &key)
			g.last = !ok
			if ok {
				end = n
				for end < len(list) && compareIDs(&list[end].id, &next) < 0 {
					end++
				}
			}
			g.key, g.place, g.value = key, p, w.memory.round[0].keep(value)
		}
		from, room := n, min(chunks, 1<<20)*maxChunk
		for n < end && (n == from || room > 0) {
			room -= list[n].room()
			n++
		}
		g.changes = list[from:n]
		took := min(chunks, 1<<20)*maxChunk - room + len(g.value)
		size += took
		chunks -= 1 + took/maxChunk
		out = append(out, g)
		if n < end {
			return out, n, true, nil
		}
	}
	return out, n, false, nil
}

// seal makes and seals the parts of groups.
func (w *writer) seal(kind byte, groups []group) error {
	m := w.memory
	for i := range m.records {
		m.records[i] = m.records[i][:0]
	}
	parallel(len(groups), 4, func(worker, i int) { groups[i].err = w.split(worker, &groups[i]) })
	var parts []*part
	for i := range groups {
		g := &groups[i]
		if g.err != nil {
			return w.s.damaged(keyText(g.place[:17]), g.err)
		}
		for j := range g.parts {
			parts = append(parts, &g.parts[j])
		}
	}
	parallel(len(parts), 4, func(worker, i int) {
		p := parts[i]
		p.sealed, m.scratch[worker] = appendChunk(m.sealed[worker].room(p.size), w.m.file.sealer, kind, p.key, w.stamp, p.records, m.scratch[worker])
	})
	return nil
}

// split opens the chunk of a group and splits what is in it now into parts.
func (w *writer) split(worker int, g *group) error {
	m := w.memory
	records := g.changes
	if g.value != nil || slices.ContainsFunc(records, isGone) {
		c := &m.chunks[worker]
		c.memory = &m.round[worker]
		was, err := c.records(nil, g.value, w.m.file.sealer, &g.place)
		if err != nil {
			return err
		}
		from := len(m.records[worker])
		m.records[worker] = merge(m.records[worker], was, g.changes)
		records = m.records[worker][from:]
	}
	total := 0
	for i := range records {
		total += records[i].room()
	}
	most := maxChunk - chunkHead - sealSize
	room := most
	if total > most && !g.last {
		parts := (total + most - 1) / most
		room = min(most, total/parts+total/(parts*8))
	}
	key := g.key
	for first := true; first || len(records) > 0; first = false {
		n, size := 0, 0
		for n < len(records) && n < maxRecords && (n == 0 || size+records[n].room() <= room) {
			size += records[n].room()
			n++
		}
		if !first {
			key = records[0].id
		}
		g.parts = append(g.parts, part{key: key, records: records[:n], size: chunkHead + sealSize + size + chunkAlign})
		records = records[n:]
	}
	return nil
}

func isGone(r record) bool { return r.content == nil }

// merge appends a chunk's records after changes to dst; both lists are in order.
func merge(dst, was, changes []record) []record {
	for len(was) > 0 || len(changes) > 0 {
		switch {
		case len(changes) == 0:
			return append(dst, was...)
		case len(was) > 0 && compareIDs(&was[0].id, &changes[0].id) < 0:
			dst = append(dst, was[0])
			was = was[1:]
			continue
		case len(was) > 0 && was[0].id == changes[0].id:
			was = was[1:]
		}
		if changes[0].content != nil {
			dst = append(dst, changes[0])
		}
		changes = changes[1:]
	}
	return dst
}
