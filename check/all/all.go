// Package all is the list of checks, in the order in which they run and are
// counted. A new check is one folder and one line here.
package all

import (
	"cmp"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/check/account"
	"github.com/wardein/wardein/check/cert"
	"github.com/wardein/wardein/check/complexity"
	"github.com/wardein/wardein/check/component"
	"github.com/wardein/wardein/check/config"
	"github.com/wardein/wardein/check/cryptolib"
	"github.com/wardein/wardein/check/hardening"
	"github.com/wardein/wardein/check/hiddenaccess"
	"github.com/wardein/wardein/check/secret"
	"github.com/wardein/wardein/check/service"
	"github.com/wardein/wardein/check/source"
	"github.com/wardein/wardein/check/unsafecall"
	"github.com/wardein/wardein/check/update"
	"github.com/wardein/wardein/check/vuln"
)

// DataDate is the date of the newest data that is built in: the day that
// time-dependent rules are judged at unless the user says otherwise.
const DataDate = "2026-11-22"

// Checks returns all checks, those that need data without any.
func Checks() []wardein.Check { return With(vuln.Data{}) }

// With returns all checks, with the data that was loaded for them.
func With(data vuln.Data, keys ...*secret.KeySet) []wardein.Check {
	return []wardein.Check{
		secret.Check(keys...),
		cert.Check(cmp.Or(data.AsOf, DataDate)),
		account.Check,
		service.Check,
		hardening.Check,
		config.Check(),
		hiddenaccess.Check(),
		update.Check,
		source.Check,
		complexity.Check,
		unsafecall.Check,
		component.Check(),
		cryptolib.Check(cmp.Or(data.AsOf, DataDate)),
		vuln.Check(data),
	}
}
