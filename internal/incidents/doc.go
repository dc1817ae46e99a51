// Package incidents lists published security mistakes in this field, and rind's own. For each it names the
// tests that would find the same mistake here, or says why it can't happen here. A test fails if a named
// test does not exist.
package incidents
