package ui_test

import (
	"bytes"
	"testing"

	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/ui/internal/samples"
)

func TestPagesRender(t *testing.T) {
	r, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range samples.All() {
		var b bytes.Buffer
		if err := r.Render(&b, page.View); err != nil {
			t.Errorf("%s: %v", page.Name, err)
		}
	}
}
