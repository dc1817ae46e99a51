// Package notices keeps the mails that tell people what happened, from the moment
// at which it happens until they are sent.
//
// A room that changes something writes a Notice with Outbox.Put in the transaction
// of the change: there is no change without its mail and no mail without its change,
// whatever is killed when, and however many mails wait. Run hands them over to a queue of
// mails, each in the transaction that takes it out here, so that a slow mail server
// holds up none: the queue has lanes, and a share for each.
//
// Whether something is to be told is decided once, by Put. What the queue does not take
// for three days is given up, with a line in the log.
//
// Many notices of one kind to one person become few mails: three within ten minutes,
// then one that lists the rest. Kinds do not hold each other up: who makes a
// thousand tokens delays no word about a removed security key.
//
// No notice holds a secret. A mail with a link that lets its reader in is none: it goes
// to the queue at once, which seals it.
//
// # In the store
//
//	notices/out/<user>/<kind>   what waits, and when mails of the kind were sent
//	notices/off/<user>          the kinds that the user does not want
package notices
