package notices

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// Whatever a notice mentions is bounded where it is kept, and no field is forgotten.
func TestDetailsAreBounded(t *testing.T) {
	var d Details
	v := reflect.ValueOf(&d).Elem()
	long := strings.Repeat("é", maxText)
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString(long)
		case []string:
			f.Set(reflect.ValueOf(make([]string, 2*maxList)))
			for j := range f.Len() {
				f.Index(j).SetString(long)
			}
		case bool, int, time.Time:
		default:
			t.Fatalf("%s: this test does not know how to bound a %s", v.Type().Field(i).Name, f.Type())
		}
	}
	d = d.bounded()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i).Interface().(type) {
		case string:
			if len(f) != maxText {
				t.Errorf("%s has %d bytes", name, len(f))
			}
		case []string:
			if len(f) != maxList || len(f[0]) != maxName || len(f[maxList-1]) != maxName {
				t.Errorf("%s has %d entries, the first of %d bytes", name, len(f), len(f[0]))
			}
		}
	}
}
