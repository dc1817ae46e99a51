package upstream

import "github.com/rind-dev/rind/verifier/gateway/internal/keymutex"

// Traffic is what the uploads to one index have to know of each other: one at a time works on a file, because some indexes may accept both
// of two uploads at once, and what an earlier one learned of the index spares the next one a question.
type Traffic struct {
	recent recent
	files  *keymutex.Mutex // by project and identity
}

// NewTraffic returns the Traffic of an index that nobody uploads to.
func NewTraffic() *Traffic {
	return &Traffic{files: keymutex.New(), recent: recent{life: recentLife, unknown: answerTime, byProject: map[string]*recentProject{}}}
}
