package problem_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/rind-dev/rind/internal/problem"
)

func TestNone(t *testing.T) {
	var p problem.Problems
	if err := p.Err(); err != nil {
		t.Errorf("no problem is the error %v", err)
	}
	if p.Has("any") {
		t.Error("no problem has a code")
	}
}

func TestSeveral(t *testing.T) {
	var p problem.Problems
	p.Add("password", "password_too_short", "min", 12, "got", 3)
	p.Add("", "form_expired")
	err := fmt.Errorf("authn: %w", p.Err())
	var got problem.Problems
	if !errors.As(err, &got) {
		t.Fatalf("%v is no Problems", err)
	}
	want := problem.Problems{
		{Field: "password", Code: "password_too_short", Args: map[string]any{"min": 12, "got": 3}},
		{Code: "form_expired"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err.Error() != "authn: password: password_too_short; form_expired" { // no values: they are a person's input
		t.Errorf("it says %q", err)
	}
	if !got.Has("form_expired") || got.Has("form") || got.Has("password") {
		t.Error("Has finds what is not a code, or not what is")
	}
	if errors.Is(err, errors.ErrUnsupported) {
		t.Error("it is another error")
	}
}

func TestMistakesPanic(t *testing.T) {
	for name, args := range map[string][]any{"no value": {"min"}, "three": {"min", 1, "max"}, "no name": {12, "min"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_ = problem.New("f", "c", args...)
		}()
	}
}
