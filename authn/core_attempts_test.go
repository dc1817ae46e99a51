package authn

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

// What a counter is read as by hand is what encoding/json reads, and so is what is written.
func TestCountersAreJSON(t *testing.T) {
	e := newEnv(t)
	c := counter{key: "authn/throttle/test/1"}
	try := func(raw []byte) {
		t.Helper()
		var want, got attempts
		expected := json.Unmarshal(raw, &want)
		err := e.core.store.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte(c.key), raw) })
		if err != nil {
			t.Fatal(err)
		}
		err = e.core.store.View(t.Context(), func(r kv.Reader) error { return loadAttempts(r, c, &got) })
		if (err == nil) != (expected == nil) || err == nil && (len(got.At) != len(want.At) || len(got.At) > 0 && !reflect.DeepEqual(got, want)) {
			t.Errorf("%s: %v, %v; want %v, %v", raw, got, err, want, expected)
		}
	}
	for _, raw := range []string{
		`{"at":null}`, `{"at":[]}`, `{}`, `{"at":[1]}`, `{"at":[1795338000000,1795338000001]}`, `{"at":[0,-1]}`, `{"at": [1, 2]}`, `{"at":[1],"x":[2]}`,
		`{"at":[9223372036854775807]}`, `{"at":[9223372036854775808]}`, `{"at":[01]}`, `{"at":[1,]}`, `{"at":[,1]}`, `{"at":[1,,2]}`, `{"at":[1.5]}`,
		`{"at":[1e3]}`, `{"at":["1"]}`, `{"at":[[1]]}`, `{"at":[1]`, `{"at":]}`, `{"at":[+1]}`, `{"at":[1],"at":[2]}`, ``, `[`,
	} {
		try([]byte(raw))
	}
	for _, a := range []attempts{{}, {At: []int64{}}, {At: []int64{1}}, {At: []int64{0, -5, 1795338000000, 1<<63 - 1}}} {
		var raw []byte
		err := e.core.store.Update(t.Context(), func(tx kv.Tx) (err error) {
			err = a.store(tx, c)
			if err == nil {
				raw, err = tx.Get([]byte(c.key))
			}
			return err
		})
		var got attempts
		if err == nil {
			err = json.Unmarshal(raw, &got)
		}
		if err != nil || len(got.At) != len(a.At) || len(a.At) > 0 && !reflect.DeepEqual(got, a) {
			t.Errorf("%v is written as %s: %v", a, raw, err)
		}
		try(raw)
	}
}
