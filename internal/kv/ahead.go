package kv

import "maps"

// Ahead reads keys in one round trip, and returns a Reader that answers Get for them from what was read. The Reader is good
// for as long as r is, in a transaction that does not write these keys. A page of a list reads its records so.
func Ahead(r Reader, keys []string) (Reader, error) {
	a := &ahead{Reader: r, read: make(map[string][]byte, len(keys))}
	if earlier, ok := r.(*ahead); ok {
		a.Reader, a.read = earlier.Reader, maps.Clone(earlier.read)
	}
	var want [][]byte
	for _, k := range keys {
		if _, there := a.read[k]; !there {
			want = append(want, []byte(k))
			a.read[k] = nil
		}
	}
	if len(want) == 0 {
		return a, nil
	}
	values, err := a.Reader.GetMany(want)
	if err != nil {
		return nil, err
	}
	for i, k := range want {
		a.read[string(k)] = values[i]
	}
	return a, nil
}

// ahead is a Reader with what was read ahead; nil where nothing is stored.
type ahead struct {
	Reader
	read map[string][]byte
}

// Get implements Reader.
func (a *ahead) Get(key []byte) ([]byte, error) {
	value, there := a.read[string(key)]
	switch {
	case !there:
		return a.Reader.Get(key)
	case value == nil:
		return nil, ErrNotFound
	}
	return append([]byte{}, value...), nil
}
