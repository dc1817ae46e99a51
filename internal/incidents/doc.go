// Package incidents is the list of published mistakes of this field, and of rind's own: for each the tests by which it
// would be found if it were made here, or why it can't be. A test fails where one that is named is not there.
package incidents
