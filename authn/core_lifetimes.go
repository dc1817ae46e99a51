package authn

import "time"

// How long things last.
const (
	SessionLifetime = 12 * time.Hour       // a session, from the password on, whatever happens
	SessionIdle     = 2 * time.Hour        // a session without a request
	FactorFresh     = 15 * time.Minute     // the age up to which a second factor allows a sensitive action, such as replacing a factor or inviting
	CeremonyLife    = 5 * time.Minute      // a WebAuthn ceremony, from its challenge to the key's answer
	DeviceLife      = 365 * 24 * time.Hour // a known browser, since somebody last gave a second factor in it
	RememberLife    = 30 * 24 * time.Hour  // how long a browser may stand in for a second factor
	RecoveryWait    = 72 * time.Hour       // a recovery, from its start to its effect, if Config.RecoveryWait is 0
)
