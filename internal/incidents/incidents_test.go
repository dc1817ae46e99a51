package incidents

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// incident is a published mistake, and the tests by which rind would find it made here, or why
// it can't be.
type incident struct {
	what  string // with the advisory
	tests string // "folder:Test Test", several of them separated by ";"
	why   string // it can't concern rind
}

// incidents are those that are known of this field. A folder is below the module's root.
var incidents = []incident{
	// Macaroons.
	{"identity read from caveats: Synapse 2016, matrix-org/synapse#9510", "verifier:TestIdentityIsTheRecords", ""},
	{"predictable fallback key: CVE-2019-5885", "verifier/rootkeys:TestLoadKey;issuer/tokens:TestMintIDs", ""},
	{"unsigned splice accepted: pymacaroons", "verifier:TestForgeries", ""},
	{"trailing bytes, four base64 dialects: macaroon.v2, pymacaroons", "caveats/token:TestParseRefuses TestEachByteCounts;verifier:TestForms TestEveryByteCounts", ""},
	{"AddFirstPartyCaveat drops errors: macaroon.v2", "caveats/token:TestRestrictRefuses TestMintRefuses", ""},
	{"callbacks before the signature: macaroon.v2", "caveats/token:TestExtendEqualsTheLibrary;verifier:TestForgeries", ""},
	{"no size limits: 100,000 caveats", "caveats:TestParseBoundsSize TestParseBoundsDepth;caveats/token:TestLimits TestHostileTokensCostNothing", ""},
	{"caveat field order swapped: pypitoken#157", "caveats:TestReferenceAgreesOnTheTables TestAppendIsCanonicalAndParsesBack;caveats/token:TestCaveatsAgainstPyPI", ""},
	{"no project means allow: devpi", "caveats:TestWhatIsNotKnownSatisfiesNothing;verifier:TestProjectThatNobodyAskedFor", ""},
	{"leak report as denial of service, by identifier only: Warehouse", "issuer/tokens:TestBurnChecksTheChain;issuer/web:TestReportsThatAreRefused", ""},
	{"a replica of root keys can mint: Fly, Trail of Bits 2026 App. E", "verifier:TestLeakedStore;verifier/rootkeys:TestALeakedStoreMakesNothingWider", ""},

	// Authorisation.
	{"Basic skipped the scope: Gitea CVE-2026-28699", "verifier/gateway:TestDenials;verifier/httpauth:TestToken;issuer/web:TestIncidentASecondDoor", ""},
	{"scope bypasses: Gitea CVE-2026-28744, -20706, -27761, -58444, -56654, CVE-2025-68944", "caveats:TestOneMoreCaveatNeverAllowsMore;verifier:TestOneCaveatMoreAllowsASubset;issuer/web:TestAccess", ""},
	{"name checked is not the name stored: npm 2021", "verifier/gateway:TestGrantDecidesTheProject TestFileNamesThatAreNone", ""},
	{"tokens of the frozen live: Vikunja CVE-2026-33668, Mattermost CVE-2025-3230", "authn:TestIncidentFrozenUserStaysIn TestPasskeyOfTheFrozen;verifier:TestDenials;issuer/followers:TestRecordUser", ""},
	{"deletion of somebody else's token: TOB-PYPI26-11", "issuer/tokens:TestTokenIsSeenByItsOwn;issuer/web:TestIncidentDeletionOfAnotherUsersToken TestNobodyLearnsOfOthers", ""},
	{"deletion of somebody else's key: TOB-PYPI26-11", "authn:TestIncidentDeletionOfAnotherUsersKey;issuer/web:TestKeysOfSomebodyElse", ""},
	{"stale roles: PyPI teams 2025-04, TOB-PYPI26-13", "verifier:TestMembershipIsTodays;issuer:TestLeaversTokensEnd;issuer/ledger:TestDemotedAdministrator", ""},
	{"ban of an address bypassed by a macaroon: TOB-PYPI26-6", "", "rind bans no addresses; networks that a token may be used from are a caveat, and checked with all others"},

	// One-time codes.
	{"replay of a TOTP code: Gitea CVE-2026-20779, Vault CVE-2025-6014 and -6015, OpenBao CVE-2025-55000 and -55003, Vikunja CVE-2026-33473", "authn:TestIncidentTOTPReplay TestTOTPReplay;issuer/web:TestOnceIsOnce TestOlderCodeOfTheWindow", ""},
	{"the same with a space in it: TOB-PYPI26-9", "authn:TestIncidentTOTPReplay", ""},
	{"race of equal codes: Gitea CVE-2026-20779", "authn:TestIncidentRaceOfFiftyEqualCodes TestTOTPStepRace", ""},
	{"codes accepted on the Basic path: Gitea CVE-2026-20779", "issuer/web:TestIncidentASecondDoor", ""},

	// Guessing.
	{"lockout rolled back: Vikunja CVE-2026-35597", "authn:TestIncidentLockoutRolledBack TestLockoutIsNotRolledBack", ""},
	{"second factor without a limit: ZITADEL CVE-2024-32868, Vaultwarden CVE-2026-27801", "authn:TestIncidentRecoveryCodeBruteForce TestFactorThrottle TestKeysAreThrottled", ""},
	{"name and address counted apart: Authelia CVE-2025-24806", "authn:TestThrottleTellsNothingOfNameAndAddress TestIncidentLimitsWithAHole", ""},
	{"no limits on loopback: Pocket ID", "authn:TestIncidentLimitsWithAHole;issuer/web:TestThrottledIsSaid", ""},
	{"recovery codes of somebody else, or of before: Gogs CVE-2025-64175, SFTPGo CVE-2022-36071", "authn:TestIncidentRecoveryCodesOfSomethingElse", ""},

	// Other doors.
	{"CalDAV took a password alone: Vikunja CVE-2026-33315", "issuer/web:TestIncidentASecondDoor", ""},
	{"OIDC skipped the second factor: CVE-2026-32246, CVE-2026-34727", "", "rind takes no other provider's word: nobody signs in but by its own factors"},
	{"a WebSocket outlived its session: CVE-2025-55070", "", "there are no WebSockets; verifiers' streams have a secret of their own, see issuer:TestRevokeVerifier"},
	{"step-up by a stale login: GHSA-hp74-gm6m-2qm5", "authn:TestIncidentStepUpByAStaleLogin;issuer/web:TestStaleFactorIsAskedAgain TestMintingAsksForAFreshFactor", ""},
	{"step-up with another user's credential", "authn:TestIncidentStepUpWithAnotherUsersCredential TestTOTPOfSomebodyElse", ""},
	{"ceremony sessions not deleted: Pocket ID", "authn:TestIncidentChallengeReuse TestChallengeIsUsedOnce TestChallengeExpires", ""},
	{"session fixation: ZITADEL CVE-2024-28197", "issuer/web:TestIncidentSessionFixation TestNoSessionIsFixed;authn:TestSessionIsRotatedAtEachFactor", ""},
	{"enumeration by words: TOB-PYPI-5, TOB-PYPI26-5", "issuer/web:TestIncidentEnumerationByWords TestEmailChangeIsNoOracle", ""},
	{"enumeration by work: OpenBao CVE-2025-54999, Vault CVE-2023-3462", "authn:TestIncidentEnumerationByWork TestSignInIsNoOracle TestResetTellsNobodyWhoHasAnAccount", ""},
	{"cross-site requests: gorilla CVE-2025-24358, CVE-2025-47909", "issuer/web:TestFormsOfOtherSitesAreRefused TestIncidentCookieWithoutHostPrefix", ""},
	{"the Host header in mails", "issuer/web:TestIncidentHostHeaderInMails TestLiesOfClients", ""},
	{"%2F in paths: Echo CVE-2026-55677", "issuer/web:TestOddRequests TestMethods;verifier/gateway:TestPathsAndMethods", ""},
	{"open redirect: Echo CVE-2022-40083", "issuer/web:TestIncidentOpenRedirect TestNoOpenRedirect TestLocalPath;verifier/gateway/folder:TestNoOpenRedirect", ""},

	// Storage and the trail.
	{"power loss: bbolt #562, #701, #778, #402", "internal/kv/boltkv:TestKilledWriter TestTruncatedFile TestDamagedPages;issuer:TestKilledAtAnyMoment", ""},
	{"OIDC publishers: TOB-PYPI26-1, -2, -12, resurrection of owner ids", "issuer/publishers:TestMistakesOfOthers TestMistakesOfOthersAboutKeys TestPins TestFiftyAtOnce;internal/idtoken:TestClaims TestIssuersAreApart", ""},
	{"audit rows silently dropped, hidden by a stub of the wrong shape: TOB-PYPI26-4", "authn:TestFaultsChangeNothing TestEveryKindOfRow;issuer:TestStoreFailsAnywhere;internal/audit:TestMistakesOfTheCallerAreRefused", ""},
	{"changes of the administrator's flag not logged: TOB-PYPI26-14", "authn:TestEveryKindOfRow", ""},
	{"secrets in the audit log: Harbor GHSA-prh4-vhfh-24mj", "authn:TestNoSecretIsKept;issuer/web:TestNoSecretIsLeft;issuer:TestStoreHoldsNoSecret", ""},
	{"tokens in addresses: Gogs CVE-2026-26196", "issuer/web:TestALinkOnAnotherDevice TestLinkPages;verifier/httpauth:TestToken", ""},

	// Requests of one's own, and what is done twice.
	{"one's own request approved, approval spent twice, oracle of existence in the approval API: Artifact Keeper 2026 #2443, #2446", "", "nobody approves releases: what a token allows is decided when it is minted, by its owner with a fresh factor"},
	{"an exchange launders the ceiling of a scope: Artifact Keeper 2026 #2430, #2431", "caveats:TestOneMoreCaveatNeverAllowsMore;verifier:TestOneCaveatMoreAllowsASubset;issuer/tokens:TestRestrict TestRegenerate;issuer/publishers:TestNarrowedToTheRun TestAJobsTokenBecomesNobodysOwn", ""},
	{"a scoped token of an administrator acts as one: GHSA-vvc3, Artifact Keeper #2814", "issuer/web:TestIncidentASecondDoor TestAccess;verifier:TestMembershipIsTodays", ""},
	{"a chunked upload without its scope: GHSA-5f2q, Artifact Keeper #2812", "verifier/gateway:TestGrantDecidesTheProject TestDenials TestPathsAndMethods", ""},
	{"a refresh consumed twice: GHSA-qxxr, Artifact Keeper #2813", "authn:TestASessionIsNotForked TestARenewalDoesNotOutliveASignOut;issuer/web:TestOnceIsOnce", ""},
	{"an alias of a mount loses the scope: GHSA-9rqp, Artifact Keeper", "issuer/web:TestOddRequests TestAccess;verifier/gateway:TestPathsAndMethods", ""},
	{"the secret of the first start in the log: GHSA-8523, Artifact Keeper", "internal/incidents:TestTheFirstLinkIsInNoLog;issuer/web:TestNoSecretIsLeft", ""},
	{"keys fetched from private addresses, without bounds of size: Artifact Keeper #2422, #3098", "internal/leaks:TestLoad TestWhatIsNoList;internal/idtoken:TestPrivateAddressesNeedPermission TestLyingServers", ""},
	{"least privilege impossible: Artifact Keeper #3041", "issuer/tokens:TestMintScopes;issuer/web:TestAccess", ""},
	{"re-authentication under another's name: Warehouse#20126", "authn:TestIncidentStepUpWithAnotherUsersCredential TestTOTPOfSomebodyElse TestIncidentStepUpByAStaleLogin", ""},
	{"a TOTP code accepted though the check said no: Warehouse#19480", "authn:TestIncidentTOTPReplay TestTOTPReplay TestFactorThrottle", ""},
	{"an invitation replayed: Warehouse#19481", "authn:TestInvitationRace;issuer:TestInvitationFromBeforeIsNoWayBack;issuer/projects:TestInvitationIsDeclinedWithdrawnAndSentAgain", ""},
	{"a conflict aborts the transaction: Warehouse#20074", "authn:TestUsernameRace TestFaultsChangeNothing;issuer:TestStoreFailsAnywhere", ""},
	{"a key's id missing: Warehouse#20051", "issuer/web:TestReportsThatAreRefused;internal/leaks:TestPrecheck", ""},
	{"an environment compared by truthiness, mixed-case paths of GitLab: Warehouse#18338, #18824, #18905", "issuer/publishers:TestMatrixGitHub TestMatrixGitLab TestRules", ""},
	{"percent-encoded dots in paths: Warehouse#20333", "issuer/web:TestOddRequests TestLocalPath;verifier/gateway:TestPathsAndMethods TestFileNamesThatAreNone", ""},
	{"open redirect through verified URLs: Warehouse#20035", "issuer/web:TestNoOpenRedirect TestLocalPath;verifier/gateway/folder:TestNoOpenRedirect", ""},
	{"a policy that only the client enforces: npm, hexpm/hex#1146", "issuer/web:TestAccess TestTheMatrixTurnsStaleFactorsBack;verifier:TestDenials", ""},

	// Reports of operators.
	{"SIGHUP ends the server: restic/rest-server#80", "cmd/rind:TestHangupEndsNoServer", ""},
	{"a certificate is never read again: mosquitto#1877, chproxy#198", "cmd/rind:TestCertificateIsRenewedInPlace", ""},
	{"volumes with bits of the group: livekit#1889, docker-library/postgres#777", "cmd/rind:TestGroupAccess;internal/private:TestForeignGroup", ""},
	{"a port in X-Forwarded-For: rack#1227, authentik#25679", "internal/clientip:TestParse TestFind;issuer/web:TestClientIP", ""},
	{"includeSubDomains by default: certbot#1728", "issuer/web:TestStrictTransportForSubdomainsIsASetting", ""},
	{"the counter of a synced passkey goes back: exa#1037, keyguard#635", "authn:TestASyncedPasskeyMayCountBackwards TestAnotherBackupEligibleFlagIsRefused", ""},
	{"toJSON of password managers throws or is missing: bitwarden/clients#12060, keepassxc-browser#2298", "internal/e2e:TestKeysInImpairedBrowsers", ""},
	{"Safari has no JSON helpers of WebAuthn: WebKit/standards-positions#373", "internal/e2e:TestKeysInImpairedBrowsers TestTheGestureIsNotUsedUp", ""},
	{"Safari drops Secure cookies on http://localhost: web-bugs#142566", "issuer/web:TestALoopbackWithoutTLSIsUsable TestCookiesKeepTheirPrefixElsewhere", ""},

	// Found in rind itself by an audit of sign-in, accounts and administration.
	{"a signature with a modulus of 48,000 bytes within the store's only write transaction", "authn:TestGiantKeys TestSizesOfKeys TestCertificatesOfKeys;internal/hostile:TestTheOwnerAmongHostileClients", ""},
	{"limits that strangers fill against the owner, or against everybody", "authn:TestKnownBrowsersOfOneAccountLeavePlaces;internal/hostile:TestTheOwnerAmongHostileClients", ""},
	{"a guess whose client hangs up leaves no row", "authn:TestAGuessWhoseClientIsGoneIsRecorded;internal/hostile:TestTheOwnerAmongHostileClients", ""},
	{"mails to one mailbox by many networks, names or addresses behind a '+'", "authn:TestOneMailboxOfManyRegistrations TestOneMailboxOfManyAddresses;internal/mail:TestQueueShares", ""},
	{"mails with links lost at a restart, and strangers' mails in front of the owner's", "internal/mail:TestQueueSurvivesARestart TestStrangersDoNotHoldUpTheOwner;internal/hostile:TestMailsOutlastTheProcess TestStrangersMailsDoNotHoldUpTheOwners", ""},
}

// Every incident has a test that is there, or a reason why it needs none.
func TestEveryIncidentHasItsTest(t *testing.T) {
	known := map[string]map[string]bool{}
	named := 0
	for _, i := range incidents {
		if (i.tests == "") == (i.why == "") {
			t.Errorf("%s: tests %q and reason %q", i.what, i.tests, i.why)
		}
		for _, part := range strings.Split(i.tests, ";") {
			dir, names, _ := strings.Cut(part, ":")
			if part == "" {
				continue
			}
			if known[dir] == nil {
				known[dir] = testsOf(t, dir)
			}
			for _, name := range strings.Fields(names) {
				named++
				if !known[dir][name] {
					t.Errorf("%s: %s has no %s", i.what, dir, name)
				}
			}
		}
	}
	for _, dir := range []string{"authn", "issuer/web"} {
		for name := range known[dir] {
			if strings.HasPrefix(name, "TestIncident") && !mentioned(name) {
				t.Errorf("%s is in no row", name)
			}
		}
	}
	if named < 120 {
		t.Errorf("only %d tests are named", named)
	}
}

func mentioned(name string) bool {
	for _, i := range incidents {
		for _, word := range strings.FieldsFunc(i.tests, func(r rune) bool { return strings.ContainsRune(" ;:", r) }) {
			if word == name {
				return true
			}
		}
	}
	return false
}

// testsOf are the tests in a folder.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no tests: %v", dir, err)
	}
	out := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				out[fn.Name.Name] = true
			}
		}
	}
	return out
}
