package rootkeys

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/rind-dev/rind/internal/corpus"
)

func TestCorpora(t *testing.T) { corpus.Check(t, 4) }

// FuzzChunk reads damaged chunks: nothing comes out that was not sealed there.
func FuzzChunk(f *testing.F) {
	sealer, err := sealerOf(testKey)
	if err != nil {
		f.Fatal(err)
	}
	key, stamp := idOf(1, 2), uint64(7)
	records := []record{{idOf(1, 2), []byte("one")}, {idOf(1, 3), nil}, {idOf(2, 3), bytes.Repeat([]byte("x"), 300)}} // the last two have one tag
	good, _ := appendChunk(nil, sealer, kindTokens, key, stamp, records, nil)
	f.Add(uint32(0), []byte{}, uint32(0))
	f.Add(uint32(2), []byte{0xff, 0xff}, uint32(0))
	f.Add(uint32(9), []byte{1}, uint32(30))
	f.Add(uint32(len(good)-1), []byte{1}, uint32(1))
	f.Fuzz(func(t *testing.T, at uint32, change []byte, cut uint32) {
		b := bytes.Clone(good)
		for i := range change {
			b[(int(at%uint32(len(b)))+i)%len(b)] ^= change[i]
		}
		b = b[:len(b)-int(cut)%(len(b)+1)]
		var c chunkReader
		p := placeOf(kindTokens, key, stamp, 0)
		for i := range records {
			got, err := c.find(nil, b, sealer, &p, &records[i].id)
			if err == nil && (got == nil || !bytes.Equal(got, records[i].content)) {
				t.Errorf("record %d is %q", i, got)
			}
		}
		absent := idOf(5, 5)
		got, err := c.find(nil, b, sealer, &p, &absent)
		if got != nil {
			t.Errorf("a record that is not there: %q, %v", got, err)
		}
		n := 0
		err = c.all(b, sealer, &p, func(id recordID, content []byte) error {
			if n >= len(records) || id != records[n].id || !bytes.Equal(content, records[n].content) {
				return fmt.Errorf("record %d is %x: %q", n, id, content)
			}
			n++
			return nil
		})
		if err == nil && n != len(records) {
			t.Errorf("%d records", n)
		}
		if other := placeOf(kindTokens, key, stamp+1, 0); bytes.Equal(b, good) {
			_, err := c.find(nil, b, sealer, &other, &records[0].id)
			if err == nil {
				t.Error("it opens under another stamp")
			}
		}
	})
}

// FuzzRecords decodes any bytes as what stands in a store. What reads can be written, and
// reads as the same.
func FuzzRecords(f *testing.F) {
	tok := &Token{ID: tokenID(1), UserID: alice, Location: "x", Caveats: [][]byte{[]byte("[3]")}, Signature: bytes.Repeat([]byte{1}, 32)}
	b, err := encodeToken(tok, &copied{7, [16]byte{1}, []byte("demo"), []byte("alice")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add((&userRecord{name: "alice", projects: [][16]byte{{1}}}).encode())
	f.Add((&projectRecord{name: "demo", apart: [][16]byte{{1}, {2}}}).encode())
	f.Add(encodeClaims([]claim{{id: [16]byte{1}, members: members{{2}: {"owner", 3}}}, {id: [16]byte{4}, apart: true}}))
	f.Add(member{"owner", 9}.encode())
	m := &moment{state: state{Position: chained(3, 1)}, members: 3, bits: []*bitsPage{{stamp: 1}}}
	m.tables[0] = m.tables[0].changed([]change{{keys: []recordID{{}, idOf(1, 1)}}}, 9)
	f.Add(m.encode())
	f.Add(m.tables[0].blocks[0].encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		var rec tokenRecord
		if rec.decode(b) == nil && len(rec.issued()) == 0 {
			t.Error("a token without caveats")
		}
		var u userRecord
		if u.decode(b) == nil {
			var again userRecord
			if err := again.decode(u.encode()); err != nil || fmt.Sprint(again) != fmt.Sprint(u) {
				t.Errorf("a user: %v", err)
			}
		}
		var p projectRecord
		_ = p.decode(b)
		if claims, err := decodeClaims(b); err == nil {
			again, err := decodeClaims(encodeClaims(claims))
			if err != nil || fmt.Sprint(again) != fmt.Sprint(claims) {
				t.Errorf("claims %v: %v, %v", claims, again, err)
			}
		}
		_, _ = decodeMember(b)
		_, _ = decodeState(b)
		_, _ = decodeRoot(b)
		if len(b) >= 16 {
			if block, err := decodeBlock(b, recordID(b), 5); err == nil && !bytes.Equal(block.encode(), b) {
				t.Error("a block reads as another")
			}
		}
	})
}

// FuzzPages walks over damaged pages of a tree: it ends, and reads nothing from outside.
func FuzzPages(f *testing.F) {
	const size, pages = 256, 16
	good := make([]byte, size*pages)
	put := func(id int, flags uint16, keys []string, children []uint64) {
		page := good[id*size:]
		binary.NativeEndian.PutUint64(page, uint64(id))
		binary.NativeEndian.PutUint16(page[8:], flags)
		binary.NativeEndian.PutUint16(page[10:], uint16(len(keys)))
		at := pageHeader + elementSize*len(keys)
		for i, k := range keys {
			e := page[pageHeader+elementSize*i:]
			from := at - (pageHeader + elementSize*i)
			if flags == leafFlag {
				binary.NativeEndian.PutUint32(e[4:], uint32(from))
				binary.NativeEndian.PutUint32(e[8:], uint32(len(k)))
				binary.NativeEndian.PutUint32(e[12:], 1)
			} else {
				binary.NativeEndian.PutUint32(e, uint32(from))
				binary.NativeEndian.PutUint32(e[4:], uint32(len(k)))
				binary.NativeEndian.PutUint64(e[8:], children[i])
			}
			at += copy(page[at:], k)
			if flags == leafFlag {
				at++
			}
		}
	}
	put(2, branchFlag, []string{"a", "m"}, []uint64{3, 4})
	put(3, leafFlag, []string{"a", "b", "c"}, nil)
	put(4, leafFlag, []string{"m", "n"}, nil)
	f.Add(uint32(0), []byte{}, []byte("b"))
	f.Add(uint32(2*size+24), []byte{1}, []byte("a")) // its own child
	f.Add(uint32(3*size+10), []byte{0xff, 0xff}, []byte("c"))
	f.Add(uint32(4*size+20), []byte{0xff, 0xff, 0xff}, []byte("n"))
	f.Fuzz(func(t *testing.T, at uint32, change, key []byte) {
		data := bytes.Clone(good)
		for i := range change {
			data[(int(at%uint32(len(data)))+i)%len(data)] ^= change[i]
		}
		b := bucket{tree: tree{data, size}, root: 2}
		v, _, err := b.find(key)
		if bytes.Equal(data, good) && len(key) == 1 && bytes.Contains([]byte("abcmn"), key) != (v != nil) {
			t.Errorf("%q: %x, %v", key, v, err)
		}
		_, _, _ = b.path(key)
		_ = b.each(nil)
		_ = b.checkFree()
	})
}
