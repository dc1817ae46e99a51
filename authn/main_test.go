package authn

import (
	"os"
	"testing"

	"github.com/rind-dev/rind/internal/audit/audittest"
)

// rows are the kinds of audit rows that the tests of this package wrote.
var rows audittest.Coverage

func TestMain(m *testing.M) { os.Exit(rows.Run(m, "authn")) }
