// Package soak keeps verifiers connected to a real 'rind serve' for longer than every time limit in the
// code, through proxies, over slow connections, and while processes are killed. The package contains
// only tests. 'make soak SOAK=10m' runs many verifiers for the given time and prints the results.
package soak
