package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/rind-dev/rind/internal/corpus"
)

func TestCorpora(t *testing.T) { corpus.Check(t, 8) }

// readAll reads frames until an error, which is io.EOF behind a whole frame.
func readAll(r io.Reader) (frames []Frame, err error) {
	for reader := NewFrameReader(r); ; {
		f, err := reader.Next()
		if err != nil {
			return frames, err
		}
		frames = append(frames, f)
	}
}

// FuzzFrames reads bytes as a stream. Whatever they are, it ends with io.EOF or ErrFrame, it
// does not depend on how the bytes come in, no frame is read that was not ended, and
// what was read is the same when it is written and read again.
func FuzzFrames(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		frames, err := readAll(bytes.NewReader(stream))
		if !errors.Is(err, io.EOF) && !errors.Is(err, ErrFrame) {
			t.Fatalf("it ends with %v", err)
		}
		whole := len(stream) == 0 || stream[len(stream)-1] == '\n'
		if errors.Is(err, io.EOF) && (!whole || len(frames) != bytes.Count(stream, []byte("\n"))) {
			t.Fatalf("%d frames and the end of %q", len(frames), stream)
		}
		want := encode(t, frames)
		for how, r := range map[string]io.Reader{"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)), "with the end": iotest.DataErrReader(bytes.NewReader(stream))} {
			again, err2 := readAll(r)
			if !bytes.Equal(encode(t, again), want) || err.Error() != err2.Error() {
				t.Fatalf("%s: %+v, %v, not %+v, %v", how, again, err2, frames, err)
			}
		}
		again, err := readAll(bytes.NewReader(want))
		if got := encode(t, again); err != io.EOF || !bytes.Equal(got, want) {
			t.Fatalf("written as %q, read as %q, %v", want, got, err)
		}
	})
}

// encode is frames as they are written.
func encode(t *testing.T, frames []Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, f := range frames {
		err := WriteFrame(&b, f)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
	}
	return b.Bytes()
}

// FuzzPosition: a position has one text.
func FuzzPosition(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePosition(s)
		if err == nil && p.String() != s {
			t.Fatalf("%q reads as %q", s, p)
		}
		if err != nil && (p != Position{} || len(err.Error()) > 1000) {
			t.Fatalf("%+v, %v", p, err)
		}
		c, err := ParseChain(s)
		if err == nil && c.String() != s || err != nil && c != (Chain{}) {
			t.Fatalf("%q reads as %q, %v", s, c, err)
		}
		var fromText Chain
		if terr := fromText.UnmarshalText([]byte(s)); s != "" && (terr == nil) != (err == nil) || fromText != c {
			t.Fatalf("%q as text is %q, %v", s, fromText, terr)
		}
	})
}

// FuzzReport: what a verifier tells comes back as it was told.
func FuzzReport(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Report
		if json.Unmarshal(body, &r) != nil {
			return
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("%q reads as %+v: %v", body, r, err)
		}
		var again Report
		err = json.Unmarshal(b, &again)
		if err != nil {
			t.Fatal(err)
		}
		if b2, err := json.Marshal(again); err != nil || !bytes.Equal(b, b2) {
			t.Fatalf("%q, then %q, %v", b, b2, err)
		}
	})
}

// TestAnEndlessFrameTakesBoundedMemory: a line without an end is given up at the limit.
func TestAnEndlessFrameTakesBoundedMemory(t *testing.T) {
	src := &xs{}
	if _, err := NewFrameReader(src).Next(); !errors.Is(err, ErrFrame) || src.read > MaxFrame+128<<10 {
		t.Errorf("%v after %d bytes", err, src.read)
	}
	fits := append(bytes.Repeat([]byte(" "), MaxFrame-3), "{}\n"...)
	if _, err := NewFrameReader(bytes.NewReader(fits)).Next(); err != nil {
		t.Errorf("a frame of the limit: %v", err)
	}
	if _, err := NewFrameReader(bytes.NewReader(append([]byte(" "), fits...))).Next(); !errors.Is(err, ErrFrame) {
		t.Errorf("a frame over the limit: %v", err)
	}
}

// xs sends the letter x forever.
type xs struct{ read int }

func (x *xs) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	x.read += len(p)
	return len(p), nil
}

// TestFramesRoundTrip: what an issuer writes is what a verifier reads, each field of it.
func TestFramesRoundTrip(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 123456789, time.UTC)
	p := Position{Issuer: "00000000-0000-4000-8000-000000000001", Epoch: 2, Revision: 1<<64 - 1, Chain: Chain{1, 31: 255}}
	frames := []Frame{
		{Position: &p, Time: now}, {Set: &ChangeSet{Revision: 7, Chain: Chain{2}, Time: now, Changes: []Change{
			{Token: &Token{ID: "t", UserID: "u", Location: "l", Caveats: [][]byte{{0, 255}}, Signature: make([]byte, 32), Restrictions: [][]byte{{1}}, ExpiresAt: now, RevokedAt: now, RevokedWhy: "why \u2028", Registers: true}},
			{User: &User{ID: "u", Name: "a\"b", Frozen: true}}, {Project: &Project{ID: "p", Name: "demo", Members: map[string]string{"u": "owner"}, Deleted: true}},
		}}}, {Records: []Change{{User: &User{ID: "u"}}}}, {End: true, Count: 3},
	}
	b := encode(t, frames)
	again, err := readAll(bytes.NewReader(b))
	if got := encode(t, again); err != io.EOF || !bytes.Equal(got, b) || len(again) != len(frames) || *again[0].Position != p || again[1].Set.Chain != (Chain{2}) {
		t.Errorf("%s, %v, want %s", got, err, b)
	}
}
