//! What may be wrong with a plugin.

use super::Subject;

const COLUMNS: [&str; 3] = ["code", "meaning", "way out"];

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        heading: "YAML",
        about: "Told by every command that takes `-f`, with file, line and column. Those about reading are warnings, errors with `--strict`.",
        columns: COLUMNS,
        lines: YAML,
    },
    Subject {
        heading: "Templates",
        about: "About `@{…}` in plugin documents, told by every command that takes `-f`. The first group are errors; those that say that something stays or means nothing are warnings, errors with `--strict`.",
        columns: COLUMNS,
        lines: TEMPLATE,
    },
    Subject {
        heading: "Plugins",
        about: "Told by `sandbind plugin validate` and `apply`, by the API server when a ResourcePlugin is written, and in its condition `Accepted`.",
        columns: COLUMNS,
        lines: PLUGIN,
    },
    Subject {
        heading: "Findings about plugins",
        about: "Told by the `sandbind plugin` commands that take `-f`: what is allowed but rarely intended. Warnings, errors with `--strict`; a comment `# sandbind: allow CODE` in a script silences those about it.",
        columns: COLUMNS,
        lines: FINDINGS,
    },
    Subject {
        heading: "Pod template overlays",
        about: "About `spec.runner.podTemplateOverlay`, told as those of plugins.",
        columns: COLUMNS,
        lines: OVERLAY,
    },
];

const YAML: &str = "\
BadYaml | the text is not YAML | correct it at that place
DuplicateKey | a key stands twice in a map; the last one counts | remove one of them
EmptyDocument | there is nothing in the file | write a document, or name another file
FurtherDocument | only the first document of a plugin's file is read | put the others into files of their own
KeyCase | a key is written in other case than the field | write it as the field is written
LineSeparator | U+0085, U+2028 or U+2029 stands in the text: a line end for the published reader, and a character here | remove it, or write it as an escape in double quotes
MoreProblems | there are more problems than are told | correct those first
SurprisingKey | a key is read as something other than text, such as `yes` | put it in quotes
SurprisingScalar | a text is read as a number, a truth value or null | put it in quotes
TooLarge | the text, or what its aliases make of it, is larger than allowed | write less, put large scripts into the image
UnknownTag | a YAML tag means nothing here; the value is read as a string | remove the tag
YamlDirective | the text asks for another YAML version, which the published reader refuses and which changes nothing here | remove the line";

const TEMPLATE: &str = "\
AbsoluteEmbed | an embedded path begins with `/`, and is read below the folder of the document all the same | leave the `/` out
BadEncoding | an encoding is not `raw`, `yaml` or `binary`, its brackets do not pair, or a placeholder that is not a whole string has one | write one of the three, and `[yaml]` and `[binary]` only around a whole string
BadVariable | what stands in `@{…}` is neither a variable nor an operation | correct the name; a script that means `@{` itself goes into a file that is embedded
BrokenText | an embedded file is not UTF-8: the bytes that are not become U+FFFD | embed it with `[binary]`
CannotEmbed | an embedded file cannot be read | name a file that can; paths begin at the folder of the document
EmbedOutside | with `--strict`, an embedded file is not below the folder of the document | move it there
IgnoredText | something stands behind the `]` of an encoding, and means nothing | remove it
LiteralPlaceholder | `plugin render --as document` writes a text that holds `@{…}`, which a reader of the document takes for a placeholder | render an object, or embed the text as a file
NoEscape | `@@{` looks like an escape but is not one | embed a file, or use `--strict`, where it is one
NotExpanded | an embedded file holds a placeholder of a variable that is given; files are not searched | pass the value to the script by an input
OpenPlaceholder | `@{` is never closed, or empty: it stays as it is | close it, or embed a file; with `--strict` write `@@{`
PlaceholderInKey | the name of a field holds a placeholder, and stays as it is | write the name out
UnknownOperation | there is no such operation; the only one is `embed` | write `@{embed: FILE}`; defaults are for `--strict`
UnsetVariable | a variable has no value | `--set NAME=VALUE`
UnusedVariable | nothing uses a variable that is given | leave it out";

const PLUGIN: &str = "\
BadDefault | a param's default does not match its own pattern | change one of them
BadDuration | a time is not a whole number with a unit, or out of range | write `90s`, `10m`, `2h`, `2d` or `1w`, within the bounds named
BadEnv | the name of an input's env var is not valid | use letters, digits and underscores
BadImage | the image has blanks in its name | remove them
BadLimit | a limit is out of range | write a number within the bounds named
BadName | a name breaks the grammar | a letter first, then letters, digits and hyphens; steps, inputs and outputs: at most 30 characters
BadNamespace | `runner.namespace` is not the name of a namespace; only a warning in a document, until it is applied | write one, leave it out, or `--step-namespace`
BadParam | a value does not match the param's pattern, or is too long | give one that does
BadPath | the path of an input or output is missing, or not that of a file | write a path; a relative one is below the step's working folder
BadPattern | a param's pattern is not a regular expression | correct it
BadPlugin | the document is not a plugin | compare with the [API](api.md)
BadRetries | more retries than allowed | write less
BadScript | the script cannot be run: a NUL, a bad first line, or DOS line ends | begin with `#!/bin/sh`, use Unix line ends
BadSelector | the parts of `allowedNamespaces` contradict each other, or its selector is not valid | `from: Selector` with a selector; `All` and `None` without
BadSignal | a script may not be sent this signal at its deadline | use one of those named
BadVersion | the version is not semantic, has build metadata, or makes no object name | write `1.2.0`
BadWord | a field takes one of a few words, and this is not one of them | use one of those named
CrossPhase | a create or refresh step takes an output of a delete step | name a create step
Cycle | steps wait for each other | take one `valueFromStep` away
DuplicateName | two steps, inputs, outputs or params have one name | rename one
DuplicateTarget | two inputs become the same env var or file | rename one
IgnoredRetries | delete steps are retried for ever, so `retries` means nothing there | remove it
Immutable | a published version would change | publish the next version; a plugin without version is a draft, which may change
InputSource | an input has no source, or two | exactly one of `valueFromSandbox: true` and `valueFromStep`
LongKey | `<step>.<output>` is longer than the name of a Secret's key or file should be | shorten one of the names
MissingField | a required field is missing | add it
MissingImage | there is no image to run the steps in | set `runner.image`, or the image of `main` in the overlay
MissingName | the document has no name | write `name: my-plugin@1.0.0` at the top
MissingScript | a step has no script | write one
NameTaken | there is a plugin whose name differs only in case | use that name, or an entirely different one
NoCreate | the plugin has no create steps | add one
NoDelete | the plugin has no delete steps, so what it makes is never removed | add one that removes it
NoInterpreter | the script has no first line `#!…`; `/bin/sh` runs it | write one
NoRefreshSteps | `refresh` without steps | add one, or remove `refresh`
OldSpelling | a field is written as an old generation of the format did | write it as told
OptionalDefault | a param is optional and has a default | remove one of the two
RefreshOutput | a refresh step writes an output that its create step lacks | name one of the create step's outputs
RefreshStep | a refresh step does not bear the name of a create step | name it after the step whose outputs it replaces
ReservedName | a name, path or label is sandbind's own | choose another
SamePath | two outputs of a step are read from one file | write each to a file of its own
StepNamespaceNotAllowed | step pods may not run in that namespace | `sandbind plugin apply --step-namespace NS`, or allow it by `sandbind install --step-namespace NS`
TooMany | more steps, inputs, outputs or params than a plugin may have | join some
UndeclaredParam | an input takes a param that `params` does not declare | declare it there
UnknownField | there is no such field | correct its name, or remove it
UnknownStep | `valueFromStep` names a step that does not exist | name one of those told
UnusedParam | no input takes a declared param | remove it, or add the input
WrongKind | the object is of another kind or API version | name a file with a ResourcePlugin or a plugin document
WrongObjectName | `metadata.name` does not follow from `spec.name` and `spec.version` | name the object as told, or let `sandbind plugin render` write it
WrongType | a field holds another type than it takes | write it as told";

const FINDINGS: &str = "\
CurlIgnoresErrors | `curl` exits with 0 when the server answers with an error | `--fail-with-body`, or look at `%{http_code}`
DeleteFindsNothing | no delete step takes an output of create or names anything by the sandbox | name the resource by `$SANDBIND_NAME`, or pass an output of create
GoesOnAfterFailure | a shell script goes on when a command of it fails | begin with `set -eu`
InputNeverUsed | a script does not name one of its inputs | use it, or leave it out
InstallsAtRunTime | a script fetches programs from the network each time it runs | use an image that has them
OutputNeverWritten | a script does not name the file of one of its outputs | write the value there, or leave the output out
PsqlGoesOn | `psql` goes on after a statement that failed | `-v ON_ERROR_STOP=1`
SecretInArguments | a secret stands in the arguments of a program, where everyone who lists processes sees it | an env var that the program reads, a file, or standard input
UnpinnedImage | the image of a plugin has no version, or `latest` | name a version, or a digest";

const OVERLAY: &str = "\
BadDirective | an unknown `$patch` | `delete`, `replace` or `merge`; null removes a field
BadOverlay | the overlay is not a partial pod template | write a map as in a pod template
OverlayConflict | it sets what another field of the plugin sets, or removes what sandbind needs | set it in one place; put calls into the script
OverlayContainer | a further container has no image | give it one; the scripts run in `main`
OverlayRefused | it asks for what step pods may not have, such as the host's network or a privileged container | remove it
UnknownOverlayField | a pod template has no such field | remove it, or correct its name";
