package web

// row is a route of the matrix. Parts of the path: {token} is one of owner's,
// {member} another maintainer of owner's project demo, {person} an account,
// {invitation} an invitation, {pending} one to demo, {invited} one of other's to demo,
// {held} a name that is held back; each is new for each cell.
type row struct {
	path   string
	form   []string
	answer cells
}

var (
	gone    = all("410")
	project = members("200").but(other, "404")
	manage  = members("403").but(other, "404")
	refresh = "303 /login/totp?next="

	// Where the addresses lead that upload clients print.
	printed = all("303 /simple/demo/").but(admin+"|"+owner+"|"+maintainer+"|"+other+"|"+stale+"|"+staleAdmin, "303 /projects/demo")
)

var matrix = map[string]row{
	"GET /":        {answer: members("303 /tokens").but(nobody+"|"+frozen+"|"+ended, "200")},
	"GET /login":   {answer: members("303 /tokens").but(nobody+"|"+frozen+"|"+ended, "200")},
	"POST /login":  {form: []string{"login", "x", "password", "y"}, answer: all("422")},
	"POST /logout": {answer: all("303 /")},

	"GET /login/totp":      {answer: members("200").but(half+"|"+codeless, "200")},
	"POST /login/totp":     {form: []string{"code", "1"}, answer: members("422").but(half+"|"+codeless, "422", nobody, "303 /login", frozen+"|"+ended, "303 /login?ended=1")},
	"GET /login/recovery":  {answer: members("200").but(half+"|"+codeless, "200")},
	"POST /login/recovery": {form: []string{"code", "1"}, answer: members("422").but(half+"|"+codeless, "422", nobody, "303 /login", frozen+"|"+ended, "303 /login?ended=1")},

	"GET /forgot-password":  {answer: all("200")},
	"POST /forgot-password": {form: []string{"login", "nobody"}, answer: all("200")},
	"GET /reset-password":   {answer: gone},
	"POST /reset-password":  {answer: gone},

	"GET /confirm-email":  {answer: gone},
	"POST /confirm-email": {answer: gone},
	"GET /keep-email":     {answer: gone},
	"POST /keep-email":    {answer: gone},

	"GET /recover":         {answer: enrolling(rescued, "200")},
	"POST /recover":        {answer: enrolling(rescued, "410")},
	"POST /recover/resend": {answer: enrolling(rescued, "303 /recover")},

	"GET /setup":       {answer: gone},
	"POST /setup":      {answer: gone},
	"GET /invitation":  {answer: gone},
	"POST /invitation": {answer: gone},
	"GET /register":    {answer: all("403")},
	"POST /register":   {form: []string{"username", "eve", "email", "eve@example.org", "password", password}, answer: all("403")},

	"GET /verify-email":         {answer: gone},
	"POST /verify-email":        {answer: gone},
	"GET /verify-email/sent":    {answer: enrolling(unmailed, "200")},
	"POST /verify-email/resend": {answer: enrolling(unmailed, "303 /verify-email/sent")},
	"POST /verify-email/change": {answer: enrolling(unmailed, "422")},

	"GET /account":            {answer: members("200")},
	"GET /account/email":      {answer: members("200").but(stale, "303 /login/totp{next}")},
	"POST /account/email":     {answer: members("422").but(stale, "303 /login/totp{next}")},
	"POST /account/password":  {answer: members("422").but(stale, refresh+"%2Faccount")},
	"POST /password/strength": {form: []string{"password", "x"}, answer: all("200")},
	"GET /account/factors":    {answer: enrolling(factorless, "200")},
	"GET /account/totp":       {answer: members("200").but(factorless, "200", stale, refresh+"%2Faccount%2Ftotp")},
	"POST /account/totp":      {form: []string{"code", "1"}, answer: members("422").but(factorless, "422", stale, refresh+"%2Faccount%2Ftotp")},

	"POST /account/recovery/cancel":       {answer: members("404")},
	"GET /account/activity":               {answer: members("200")},
	"GET /account/activity/export":        {path: "/account/activity/export?format=csv", answer: exporting(members("200"), "%2Faccount%2Factivity")},
	"GET /projects/:name/activity":        {path: "/projects/demo/activity", answer: project},
	"GET /projects/:name/activity/export": {path: "/projects/demo/activity/export?format=jsonl", answer: exporting(project, "%2Fprojects%2Fdemo%2Factivity")},
	"GET /admin/audit":                    {answer: admins("200")},
	"GET /admin/audit/export":             {path: "/admin/audit/export?format=jsonl", answer: exporting(admins("200"), "%2Fadmin%2Faudit")},

	"GET /login/device":    {answer: members("303 /tokens")},
	"GET /confirm-device":  {answer: gone},
	"POST /confirm-device": {answer: gone},

	"GET /account/sessions":             {answer: members("200")},
	"POST /account/sessions/:id/end":    {path: "/account/sessions/x/end", answer: members("404")},
	"POST /account/sessions/end-others": {answer: members("303 /account/sessions")},
	"POST /account/devices/:id/forget":  {path: "/account/devices/x/forget", answer: members("404")},

	"GET /login/key":                {answer: members("303 /login/totp").but(codeless, "303 /login/totp")}, // nobody has a key
	"GET /account/keys/new":         {answer: members("200").but(factorless, "200", stale, refresh+"%2Faccount%2Fkeys%2Fnew")},
	"GET /account/keys/:id":         {path: "/account/keys/x", answer: members("404")},
	"POST /account/keys/:id":        {path: "/account/keys/x", form: []string{"name", "x"}, answer: members("404")},
	"GET /account/keys/:id/remove":  {path: "/account/keys/x/remove", answer: members("404")},
	"POST /account/keys/:id/remove": {path: "/account/keys/x/remove", answer: members("404")},
	"GET /account/totp/remove":      {answer: members("200")},
	"POST /account/totp/remove":     {answer: members("422").but(stale, refresh+"%2Faccount%2Ftotp%2Fremove")},
	"GET /account/keys-only":        {answer: members("200")},
	"POST /account/keys-only":       {form: []string{"only", "yes"}, answer: members("422").but(stale, refresh+"%2Faccount%2Fkeys-only")},
	"POST /webauthn/passkey/begin":  {answer: all("403").but(nobody+"|"+frozen+"|"+ended, "415")}, // a form is no JSON
	"POST /webauthn/passkey/finish": {answer: all("403").but(nobody+"|"+frozen+"|"+ended, "415")},
	"POST /webauthn/verify/begin":   {answer: all("415").but(nobody+"|"+frozen+"|"+ended+"|"+unmailed+"|"+factorless+"|"+rescued, "403")},
	"POST /webauthn/verify/finish":  {answer: all("415").but(nobody+"|"+frozen+"|"+ended+"|"+unmailed+"|"+factorless+"|"+rescued, "403")},
	"POST /webauthn/add/begin":      {answer: all("415").but(nobody+"|"+frozen+"|"+ended+"|"+unmailed+"|"+half+"|"+codeless+"|"+rescued, "403")},
	"POST /webauthn/add/finish":     {answer: all("415").but(nobody+"|"+frozen+"|"+ended+"|"+unmailed+"|"+half+"|"+codeless+"|"+rescued, "403")},

	"GET /account/recovery-codes":      {answer: members("200").but(codeless, "200")},
	"POST /account/recovery-codes":     {answer: members("422").but(codeless, "422")},
	"GET /account/recovery-codes/new":  {answer: members("200").but(codeless, "200")},
	"POST /account/recovery-codes/new": {answer: members("200").but(codeless, "200", stale, refresh+"%2Faccount%2Frecovery-codes%2Fnew")},

	"GET /account/notifications":  {answer: members("200")},
	"POST /account/notifications": {answer: members("303 /account/notifications")},

	"GET /tokens":            {answer: members("200")},
	"GET /tokens/new":        {answer: members("200").but(stale, "303 /login/totp{next}")},
	"POST /tokens/new":       {answer: members("422").but(stale, "303 /login/totp{next}")},
	"GET /tokens/:id/revoke": {path: "/tokens/{token}/revoke", answer: members("404").but(owner+"|"+stale+"|"+admin, "200")},
	"POST /tokens/:id/revoke": {path: "/tokens/{token}/revoke",
		answer: members("404").but(owner+"|"+stale+"|"+admin, "303 /tokens")},

	"GET /tokens/revoke":          {answer: members("200")},
	"POST /tokens/revoke":         {answer: members("422")},
	"GET /tokens/:id":             {path: "/tokens/{token}", answer: members("404").but(owner+"|"+stale+"|"+admin, "200")},
	"POST /tokens/:id":            {path: "/tokens/{token}", answer: mine("422")},
	"GET /tokens/:id/restrict":    {path: "/tokens/{token}/restrict", answer: mine("200")},
	"POST /tokens/:id/restrict":   {path: "/tokens/{token}/restrict", answer: mine("422")},
	"GET /tokens/:id/regenerate":  {path: "/tokens/{token}/regenerate", answer: mine("200").but(stale, "303 /login/totp{next}")},
	"POST /tokens/:id/regenerate": {path: "/tokens/{token}/regenerate", answer: mine("422").but(stale, "303 /login/totp{next}")},

	"GET /projects":                           {answer: members("200")},
	"GET /new-project":                        {answer: members("200")},
	"POST /new-project":                       {answer: members("422")},
	"GET /projects/:name":                     {path: "/projects/demo", answer: project},
	"GET /projects/:name/leave":               {path: "/projects/demo/leave", answer: project.but(admin, "404")},
	"POST /projects/:name/leave":              {path: "/projects/demo/leave", answer: manage.but(owner, "422", maintainer+"|"+stale, "303 /projects", admin, "404")},
	"GET /projects/:name/tokens":              {path: "/projects/demo/tokens", answer: project},
	"GET /projects/:name/members/:id/exclude": {path: "/projects/demo/members/{member}/exclude", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/members/:id/exclude": {path: "/projects/demo/members/{member}/exclude",
		answer: manage.but(owner+"|"+stale, "303 /projects/demo")},
	"GET /projects/:name/members/:id/readmit": {path: "/projects/demo/members/{member}/readmit", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/members/:id/readmit": {path: "/projects/demo/members/{member}/readmit",
		answer: manage.but(owner, "303 /projects/demo", stale, "303 /login/totp{next}")},
	"GET /projects/:name/members":  {path: "/projects/demo/members", answer: manage.but(owner, "200", stale, "303 /login/totp{next}")},
	"POST /projects/:name/members": {path: "/projects/demo/members", answer: manage.but(owner, "422", stale, "303 /login/totp{next}")},
	"POST /projects/:name/invitations/:id/revoke": {path: "/projects/demo/invitations/{pending}/revoke",
		answer: manage.but(owner+"|"+stale, "303 /projects/demo")},
	"POST /projects/:name/invitations/:id/resend": {path: "/projects/demo/invitations/{pending}/resend",
		answer: manage.but(owner, "303 /projects/demo", stale, "303 /login/totp{next}")},
	"GET /projects/:name/settings":         {path: "/projects/demo/settings", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/settings":        {path: "/projects/demo/settings", answer: manage.but(owner+"|"+stale, "303 /projects/demo")},
	"GET /projects/:name/only-publishers":  {path: "/projects/demo/only-publishers", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/only-publishers": {path: "/projects/demo/only-publishers", answer: manage.but(owner+"|"+stale, "303 /projects/demo")},
	"GET /projects/:name/all-tokens":       {path: "/projects/demo/all-tokens", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/all-tokens":      {path: "/projects/demo/all-tokens", answer: manage.but(owner, "303 /projects/demo", stale, "303 /login/totp{next}")},
	"GET /projects/:name/archive":          {path: "/projects/demo/archive", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/archive":         {path: "/projects/demo/archive", answer: manage.but(owner+"|"+stale, "303 /projects/demo")},
	"GET /projects/:name/reopen":           {path: "/projects/demo/reopen", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/reopen":          {path: "/projects/demo/reopen", answer: manage.but(owner, "303 /projects/demo", stale, "303 /login/totp{next}")},
	"POST /projects/:name/deprecate":       {path: "/projects/demo/deprecate", form: []string{"deprecated", "yes"}, answer: manage.but(owner+"|"+stale, "303 /projects/demo")},
	"GET /projects/:name/transfer":         {path: "/projects/demo/transfer", answer: manage.but(owner, "200", stale, "303 /login/totp{next}")},
	"POST /projects/:name/transfer":        {path: "/projects/demo/transfer", answer: manage.but(owner, "422", stale, "303 /login/totp{next}")},
	"GET /projects/:name/delete":           {path: "/projects/demo/delete", answer: manage.but(owner, "200", stale, "303 /login/totp{next}")},
	"POST /projects/:name/delete":          {path: "/projects/demo/delete", answer: manage.but(owner, "422", stale, "303 /login/totp{next}")},

	"GET /admin/ci-systems":               {answer: admins("200")},
	"POST /admin/ci-systems":              {answer: freshAdmins("422")},
	"GET /admin/ci-systems/:name/remove":  {path: "/admin/ci-systems/none/remove", answer: admins("404")},
	"POST /admin/ci-systems/:name/remove": {path: "/admin/ci-systems/none/remove", answer: freshAdmins("404")},

	"GET /projects/:name/publishers":                {path: "/projects/demo/publishers", answer: project},
	"GET /projects/:name/publishers/new":            {path: "/projects/demo/publishers/new", answer: manage.but(owner, "200", stale, "303 /login/totp{next}")},
	"POST /projects/:name/publishers/new":           {path: "/projects/demo/publishers/new", answer: manage.but(owner, "422", stale, "303 /login/totp{next}")},
	"GET /projects/:name/publishers/:id":            {path: "/projects/demo/publishers/{publisher}", answer: project},
	"GET /projects/:name/publishers/:id/take-over":  {path: "/projects/demo/publishers/{publisher}/take-over", answer: manage.but(owner, "404", stale, "303 /login/totp{next}")}, // nothing was refused
	"POST /projects/:name/publishers/:id/take-over": {path: "/projects/demo/publishers/{publisher}/take-over", answer: manage.but(owner, "422", stale, "303 /login/totp{next}")},
	"POST /projects/:name/publishers/:id/vouch":     {path: "/projects/demo/publishers/{publisher}/vouch", answer: manage.but(owner, "303 /projects/demo/publishers/{publisher}", stale, "303 /login/totp{next}")},
	"GET /projects/:name/publishers/:id/remove":     {path: "/projects/demo/publishers/{publisher}/remove", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/publishers/:id/remove":    {path: "/projects/demo/publishers/{publisher}/remove", answer: manage.but(owner+"|"+stale, "303 /projects/demo/publishers")},

	"GET /account/publishers":                {answer: members("200")},
	"GET /account/publishers/new":            {answer: members("200").but(stale, "303 /login/totp{next}")},
	"POST /account/publishers/new":           {answer: members("422").but(stale, "303 /login/totp{next}")},
	"GET /account/publishers/:id":            {path: "/account/publishers/{waiting}", answer: mine("200")},
	"GET /account/publishers/:id/take-over":  {path: "/account/publishers/{waiting}/take-over", answer: mine("404").but(stale, "303 /login/totp{next}")}, // nothing was refused
	"POST /account/publishers/:id/take-over": {path: "/account/publishers/{waiting}/take-over", answer: mine("422").but(stale, "303 /login/totp{next}")},
	"GET /account/publishers/:id/remove":     {path: "/account/publishers/{waiting}/remove", answer: mine("200")},
	"POST /account/publishers/:id/remove":    {path: "/account/publishers/{waiting}/remove", answer: mine("303 /account/publishers")},

	"GET /projects/:name/releases":                  {path: "/projects/demo/releases", answer: project},
	"GET /projects/:name/releases/:version":         {path: "/projects/demo/releases/1.0", answer: project},
	"GET /projects/:name/releases/:version/yank":    {path: "/projects/demo/releases/1.0/yank", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/releases/:version/yank":   {path: "/projects/demo/releases/1.0/yank", answer: manage.but(owner+"|"+stale, "303 /projects/demo/releases/1.0")},
	"GET /projects/:name/releases/:version/unyank":  {path: "/projects/demo/releases/1.0/unyank", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/releases/:version/unyank": {path: "/projects/demo/releases/1.0/unyank", answer: manage.but(owner, "303 /projects/demo/releases/1.0", stale, "303 /login/totp{next}")},
	"GET /projects/:name/releases/:version/delete":  {path: "/projects/demo/releases/1.0/delete", answer: manage.but(owner, "200", stale, "303 /login/totp{next}")},
	"POST /projects/:name/releases/:version/delete": {path: "/projects/demo/releases/1.0/delete", answer: manage.but(owner, "422", stale, "303 /login/totp{next}")},
	"GET /projects/:name/files/:file/delete":        {path: "/projects/demo/files/demo-1.0.tar.gz/delete", answer: manage.but(owner, "200", stale, "303 /login/totp{next}")},
	"POST /projects/:name/files/:file/delete":       {path: "/projects/demo/files/demo-1.0.tar.gz/delete", answer: manage.but(owner, "422", stale, "303 /login/totp{next}")},

	"GET /project-invitation":              {answer: gone},
	"GET /project-invitation/:id":          {path: "/project-invitation/{invited}", answer: members("404").but(other, "200")},
	"POST /project-invitation/:id":         {path: "/project-invitation/{invited}", answer: members("404").but(other, "303 /projects/demo", stale, "303 /login/totp{next}")},
	"POST /project-invitation/:id/decline": {path: "/project-invitation/{invited}/decline", answer: members("404").but(other, "303 /projects")},

	"POST /projects/:name/members/:id/role": {path: "/projects/demo/members/{member}/role", form: []string{"role", "maintainer"},
		answer: manage.but(owner, "303 /projects/demo", stale, "303 /login/totp{next}")},
	"GET /projects/:name/members/:id/remove": {path: "/projects/demo/members/{member}/remove", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/members/:id/remove": {path: "/projects/demo/members/{member}/remove",
		answer: manage.but(owner+"|"+stale, "303 /projects/demo")},

	"GET /admin/people":                 {answer: admins("200")},
	"GET /admin/people/:id":             {path: "/admin/people/{person}", answer: admins("200")},
	"GET /admin/people/:id/sign-out":    {path: "/admin/people/{person}/sign-out", answer: admins("200")},
	"POST /admin/people/:id/sign-out":   {path: "/admin/people/{person}/sign-out", answer: freshAdmins("303 /admin/people/{person}")},
	"GET /admin/people/:id/make-admin":  {path: "/admin/people/{person}/make-admin", answer: admins("200")},
	"POST /admin/people/:id/make-admin": {path: "/admin/people/{person}/make-admin", answer: freshAdmins("303 /admin/people/{person}")},
	"GET /admin/people/:id/drop-admin":  {path: "/admin/people/{person}/drop-admin", answer: admins("200")},
	"POST /admin/people/:id/drop-admin": {path: "/admin/people/{person}/drop-admin", answer: freshAdmins("303 /admin/people/{person}")},

	"GET /admin/projects":                   {answer: admins("200")},
	"GET /admin/projects/:name":             {path: "/admin/projects/demo", answer: admins("200")},
	"POST /admin/projects/:name/owner":      {path: "/admin/projects/demo/owner", answer: freshAdmins("422")},
	"POST /admin/projects/:name/archive":    {path: "/admin/projects/demo/archive", form: []string{"archived", "no"}, answer: freshAdmins("303 /admin/projects/demo")},
	"POST /admin/projects/:name/quarantine": {path: "/admin/projects/demo/quarantine", form: []string{"quarantined", "no"}, answer: freshAdmins("303 /admin/projects/demo")},
	"GET /admin/tokens":                     {answer: admins("200")},
	"POST /admin/tokens":                    {form: []string{"q", "ci", "in", "label"}, answer: admins("303 /admin/tokens?in=label&q=ci")},
	"GET /admin/tokens/:id/revoke":          {path: "/admin/tokens/{token}/revoke", answer: admins("200")},
	"POST /admin/tokens/:id/revoke":         {path: "/admin/tokens/{token}/revoke", form: []string{"reason", "seen"}, answer: admins("303 /admin/tokens")},

	"GET /admin/settings":               {answer: freshAdmins("200")},
	"POST /admin/settings/read-only":    {form: []string{"on", "no"}, answer: freshAdmins("303 /admin/settings")},
	"POST /admin/settings/registration": {form: []string{"registration", ""}, answer: freshAdmins("303 /admin/settings")},
	"POST /admin/settings/banner":       {answer: freshAdmins("422")},
	"POST /admin/settings/banner/clear": {answer: freshAdmins("303 /admin/settings")},

	"GET /admin/people/:id/freeze":           {path: "/admin/people/{person}/freeze", answer: admins("200")},
	"POST /admin/people/:id/freeze":          {path: "/admin/people/{person}/freeze", answer: admins("303 /admin/people").but(staleAdmin, "303 /login/totp{next}")},
	"GET /admin/people/:id/thaw":             {path: "/admin/people/{person}/thaw", answer: admins("200")},
	"POST /admin/people/:id/thaw":            {path: "/admin/people/{person}/thaw", answer: admins("303 /admin/people").but(staleAdmin, "303 /login/totp{next}")},
	"GET /admin/people/:id/recovery":         {path: "/admin/people/{person}/recovery", answer: admins("200")},
	"POST /admin/people/:id/recovery":        {path: "/admin/people/{person}/recovery", answer: admins("422").but(staleAdmin, "303 /login/totp{next}")}, // no factor to lose
	"POST /admin/people/:id/recovery/cancel": {path: "/admin/people/{person}/recovery/cancel", answer: admins("404")},
	"GET /admin/names":                       {answer: admins("200")},
	"POST /admin/names/:name/release":        {path: "/admin/names/{held}/release", answer: freshAdmins("303 /admin/names")},
	"GET /admin/verifiers":                   {answer: admins("200")},
	"POST /admin/verifiers":                  {answer: admins("422").but(staleAdmin, "303 /login/totp{next}")},
	"GET /admin/verifiers/:id/revoke":        {path: "/admin/verifiers/{verifier}/revoke", answer: admins("200")},
	"POST /admin/verifiers/:id/revoke":       {path: "/admin/verifiers/{verifier}/revoke", answer: admins("303 /admin/verifiers")},
	"POST /admin/invitations":                {answer: freshAdmins("422")},
	"POST /admin/invitations/:id/revoke":     {path: "/admin/invitations/{invitation}/revoke", answer: admins("303 /admin/people")},

	"DELETE /api/token":              {answer: all("403")}, // without a token
	"POST /_/secrets/disclose-token": {answer: all("404")}, // without a signature
	"GET /_/oidc/audience":           {answer: all("200")},
	"POST /_/oidc/mint-token":        {answer: all("422")}, // without an ID token
	"POST /_/oidc/github/mint-token": {answer: all("422")},
	"POST /_/oidc/burn-token":        {answer: all("422")},
	"GET /.well-known/pytp":          {answer: all("404")}, // without a path
	"GET /healthz":                   {answer: all("200")},
	"GET /help":                      {answer: all("200")},
	"GET /assets/*":                  {path: "/assets/none", answer: all("404")},
	"GET /legacy":                    {answer: all("405")},
	"POST /legacy":                   {answer: all("403")},
	"GET /legacy/":                   {answer: all("405")},
	"POST /legacy/":                  {answer: all("403")},
	"GET /legacy/*":                  {path: "/legacy/Demo/1.0/", answer: printed},
	"GET /legacy/+simple/*":          {path: "/legacy/+simple/", answer: all("200")},
	"GET /legacy/%2Bsimple/*":        {path: "/legacy/%2Bsimple/", answer: all("200")},
	"GET /legacy/%2bsimple/*":        {path: "/legacy/%2bsimple/", answer: all("200")},
	"GET /project/*":                 {path: "/project/Demo/", answer: printed},
	"OPTIONS /simple":                {answer: all("204")},
	"OPTIONS /simple/*":              {path: "/simple/", answer: all("204")},
	"OPTIONS /packages/*":            {path: "/packages/demo/none", answer: all("204")},
	"GET /simple":                    {answer: all("301 simple/")},
	"GET /simple/*":                  {path: "/simple/", answer: all("200")},
	"GET /packages/*":                {path: "/packages/demo/none", answer: all("404")},
	"echo_route_not_found /*":        {path: "/no/such/page", answer: all("404")},
}

// formPages are the pages with the forms that are sent to another address.
var formPages = map[string]string{
	"POST /admin/projects/:name/owner": "/admin/projects/demo", "POST /admin/projects/:name/archive": "/admin/projects/demo",
	"POST /admin/projects/:name/quarantine": "/admin/projects/demo", "POST /projects/:name/deprecate": "/projects/demo/settings",
	"POST /admin/settings/read-only":    "/admin/settings",
	"POST /admin/settings/registration": "/admin/settings", "POST /admin/settings/banner": "/admin/settings", "POST /admin/settings/banner/clear": "/admin/settings",
	"POST /verify-email/resend": "/verify-email/sent", "POST /verify-email/change": "/verify-email/sent",
	"POST /account/sessions/:id/end": "/account/sessions", "POST /account/sessions/end-others": "/account/sessions", "POST /account/devices/:id/forget": "/account/sessions",
	"POST /account/password": "/account", "POST /account/recovery/cancel": "/account", "POST /recover/resend": "/recover",
	"POST /admin/people/:id/recovery/cancel":      "/admin/people/{person}/recovery",
	"POST /projects/:name/invitations/:id/revoke": "/projects/demo", "POST /projects/:name/invitations/:id/resend": "/projects/demo",
	"POST /admin/names/:name/release":       "/admin/names",
	"POST /projects/:name/members/:id/role": "/projects/demo", "POST /projects/:name/publishers/:id/vouch": "/projects/demo/publishers/{publisher}",
	"POST /admin/invitations": "/admin/people", "POST /admin/invitations/:id/revoke": "/admin/people",
}
