// Package notices keeps the mails that tell people what happened, from the moment
// at which it happens until they are sent.
//
// A room that changes something writes a Notice with Outbox.Put in the transaction
// of the change: no change lacks its mail and no mail lacks its change, even if a
// process is killed, and however many mails wait. Run hands the mails over to a mail
// queue, each in the transaction that removes it here. A slow mail server holds up
// none of them, because the queue has lanes, each with its own share.
//
// Put decides once whether somebody is told. A mail that the queue does not take for
// three days is given up, with a line in the log.
//
// Many notices of one kind to one person become few mails: three within ten minutes,
// then one that lists the rest. Kinds do not hold each other up: somebody who makes a
// thousand tokens does not delay the mail about a removed security key.
//
// No notice holds a secret. A mail with a link that lets its reader in is not a notice:
// it goes to the queue at once, which seals it.
//
// # In the store
//
//	notices/out/<user>/<kind>   what waits, and when mails of the kind were sent
//	notices/off/<user>          the kinds that the user does not want
package notices
