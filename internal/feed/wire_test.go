package feed

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPositionAsText(t *testing.T) {
	for _, want := range []Position{
		{Issuer: "00000000-0000-4000-8000-000000000001", Epoch: 1, Revision: 1<<64 - 1},
		{Issuer: "x"},
	} {
		if got, err := ParsePosition(want.String()); err != nil || got != want {
			t.Errorf("%s reads as %s: %v", want, got, err)
		}
	}
	for _, bad := range []string{"", "//", "/1/2", "a/1", "a/1/2/3", "a/-1/2", "a/1/x", "a/1/18446744073709551616", strings.Repeat("a", 65) + "/1/2"} {
		if got, err := ParsePosition(bad); err == nil {
			t.Errorf("%q reads as %s", bad, got)
		}
	}
}

// TestFramesCutOff shows that a frame is read whole or not at all, wherever the
// stream ends, and that Ready never promises one that is not there.
func TestFramesCutOff(t *testing.T) {
	var b bytes.Buffer
	for n := range uint64(3) {
		err := WriteFrame(&b, Frame{Set: &ChangeSet{Revision: n + 1}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for end := range b.Len() + 1 {
		whole := uint64(bytes.Count(b.Bytes()[:end], []byte("\n")))
		r := NewFrameReader(bytes.NewReader(b.Bytes()[:end]))
		var got uint64
		for {
			ready := r.Ready()
			f, err := r.Next()
			if err != nil {
				clean := end == 0 || b.Bytes()[end-1] == '\n'
				if ready || errors.Is(err, io.EOF) != clean || errors.Is(err, ErrFrame) == clean {
					t.Fatalf("cut at %d: %v, ready %v", end, err, ready)
				}
				break
			}
			got++
			if f.Set.Revision != got || ready != (got > 1) {
				t.Fatalf("cut at %d: frame %d is %+v, ready %v", end, got, f, ready)
			}
		}
		if got != whole {
			t.Fatalf("cut at %d: %d frames of %d", end, got, whole)
		}
	}
}
