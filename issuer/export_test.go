package issuer

// SetNewID makes a service take the ids of projects and tokens from fn.
func (s *Service) SetNewID(fn func() (string, error)) { s.newID = fn }

// FoldLabel is how labels are compared.
var FoldLabel = foldLabel
