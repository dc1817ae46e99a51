package e2e

import (
	"os"
	"testing"

	"github.com/rind-dev/rind/internal/realtest/chrome"
)

func TestMain(m *testing.M) { os.Exit(chrome.Run(m)) }
