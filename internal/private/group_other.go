//go:build !unix

package private

import "io/fs"

// groupOf knows no groups here.
func groupOf(fs.FileInfo) (gid int, known bool) { return 0, false }
