// Package faults injects faults into the real processes: a store is restored from a backup, a file is
// truncated, a process is killed. Each row of its table is a fault, with what a verifier may then decide
// and what it reports. The package contains only tests.
package faults
