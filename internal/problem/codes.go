package problem

// Codes that several rooms use.
const (
	NotFound    = "not_found"    // there is nothing with this name, or it is not the asker's business
	ReadOnly    = "read_only"    // an administrator has stopped all changes; nobody knows until when
	MailFull    = "mail_full"    // the mail that a change needs was not taken, so nothing was changed
	UserUnknown = "user_unknown" // of a field: no account has this name

	StoreAway      = "store_away"      // the store can't be reached, so nothing was changed
	FilesLater     = "files_later"     // the decision is recorded, and will be carried out later
	FilesWaiting   = "files_waiting"   // an earlier decision is not carried out yet, so this one was not recorded
	OutcomeUnknown = "outcome_unknown" // the change was made or not, and the server can't find out
)
