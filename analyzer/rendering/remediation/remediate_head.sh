#!/bin/sh
# Admin commands for access keys and passwords that nobody uses, made by credreport from IAM
# credential reports. Review the items at the end, remove the lines of what must stay, then run:
#
#   sh remediate.sh                               check everything, change nothing
#   sh remediate.sh --apply                       make used keys inactive, remove passwords
#   sh remediate.sh --apply --delete-never-used   delete never-used keys as well
#
# It works on the account whose credentials `aws` uses; items of other accounts are skipped.
#
# A report may be out of date and has no key ids. So each item asks AWS first, and prints STOP and
# changes nothing unless
# - exactly one active key of the user was created at the instant that the report tells; or, for
#   a password, the user was created then, and the password not after the report says it was set;
# - AWS knows of the same last use as the report (to the minute), or of none where it tells none.
# An answer that fails or cannot be read is a STOP too. What AWS cannot tell: a use of the last
# minutes (it records the first one in 5 minutes for passwords, in 15 for keys), a use between
# check and command, and that a password was changed since the report.
#
# To undo: aws iam update-access-key ... --status Active. What is deleted is gone: a user gets a
# new password by aws iam create-login-profile.

set -eu
export AWS_PAGER=''

usage() {
    cat <<'EOF'
Usage: sh remediate.sh [--apply] [--delete-never-used]
Checks the items of the account whose credentials `aws` uses, and prints what it would run.
  --apply              run it
  --delete-never-used  also delete access keys that were never used, else they are left alone
  --help               show this
Exit code: 0 nothing stopped, 1 some items did (see STOP), 2 wrong use, or no access to AWS.
EOF
}

say() { printf '%s\n' "$*"; }

give_up() {
    say "remediate.sh: $*" >&2
    exit 2
}

apply=no delete=no
for option; do
    case $option in
        --apply) apply=yes ;;
        --delete-never-used) delete=yes ;;
        --help) usage; exit 0 ;;
        *) usage >&2; give_up "unknown option: $option" ;;
    esac
done

for tool in aws awk; do
    command -v "$tool" >/dev/null || give_up "needs the command $tool"
done
account=$(aws sts get-caller-identity --query Account --output text </dev/null) ||
    give_up "aws does not say of which account its credentials are"
case $account in
    '' | *[!0-9]*) give_up "aws names no account: '$account'" ;;
esac

ran=0 would=0 left=0 stopped=0 skipped=0
tab=$(printf '\t')
mode="dry run, nothing is changed"
[ "$apply" = no ] || mode="changes will be made"
say "Account $account: $mode"

iam() { aws iam "$@" </dev/null; }

# stop WHY: say so, and fail.
stop() {
    say "STOP $item: $*"
    return 1
}

# run ARGUMENTS of aws iam: the change itself, or in a dry run its words.
run() {
    if [ "$apply" = no ]; then
        say "would run: aws iam $*"
        would=$((would + 1))
    elif iam "$@"; then
        say "done: aws iam $*"
        ran=$((ran + 1))
    else
        stop "failed, and may or may not have had an effect: aws iam $*"
    fi
}

# epoch INSTANT: print ISO 8601 as seconds since 1970, without fractions; fail where it is none.
epoch() {
    printf '%s\n' "$1" | awk '
        BEGIN {
            n = "[0-9][0-9]"
            instant = "^" n n "-" n "-" n "T" n ":" n ":" n "([.][0-9]+)?(Z|[+-]" n ":?" n ")$"
        }
        $0 ~ instant {
            y = substr($0, 1, 4); m = substr($0, 6, 2) - 3; d = substr($0, 9, 2)
            if (m < 0) { m += 12; y-- }  # years from March on: the leap day is the last one
            days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m + 2) / 5) + d - 719469
            seconds = days * 86400 + substr($0, 12, 2) * 3600 + substr($0, 15, 2) * 60 + substr($0, 18, 2)
            if (!/Z$/) {
                zone = substr($0, length($0) - 5)
                sub(/:/, "", zone)
                zone = substr(zone, length(zone) - 4)
                offset = substr(zone, 2, 2) * 3600 + substr(zone, 4, 2) * 60
                seconds -= zone ~ /^-/ ? -offset : offset
            }
            ok = 1
        }
        END { if (!ok || NR != 1) exit 1; printf "%.0f\n", seconds }'
}

# same_use REPORTED NOW: whether AWS knows of the same last use as the report (`never`: of none).
same_use() {
    case $1,$2 in
        never,None | never,N/A) return 0 ;;
        *,None | *,N/A) stop "AWS knows of no use, the report of one at $1" || return ;;
    esac
    now=$(epoch "$2") || stop "not a time of last use: '$2'" || return
    [ "$1" != never ] || stop "used since the report: $2" || return
    was=$(epoch "$1") || stop "not a time: '$1'" || return
    was=$((was - was % 60))
    [ "$now" -le $((was + 60)) ] || stop "used since the report: $2, not $1" || return
    [ "$now" -ge "$was" ] || stop "AWS knows of an earlier last use than the report: $2, not $1"
}

# find_key USER CREATED LAST_USED: set `id` to the one active key of which both hold.
find_key() {
    keys=$(iam list-access-keys --user-name="$1" --output text \
        --query "AccessKeyMetadata[?Status=='Active'].[AccessKeyId,CreateDate]") ||
        stop "aws iam list-access-keys failed" || return
    wanted=$(epoch "$2") || stop "not a time: '$2'" || return
    matches=0
    while read -r found made more; do
        [ -n "$found" ] || continue # no active key gives one empty line
        case $found$more in
            *[!A-Za-z0-9_]*) stop "not a list of keys: '$keys'" || return ;;
        esac
        at=$(epoch "$made") || stop "not a list of keys: '$keys'" || return
        if [ "$at" -eq "$wanted" ]; then
            matches=$((matches + 1)) id=$found
        fi
    done <<EOF
$keys
EOF
    [ "$matches" -eq 1 ] || stop "$matches active keys were created at $2, not one" || return
    last=$(iam get-access-key-last-used --access-key-id "$id" --output text \
        --query AccessKeyLastUsed.LastUsedDate) ||
        stop "aws iam get-access-key-last-used failed" || return
    same_use "$3" "$last"
}

# find_password USER CREATED CHANGED LAST_USED: whether the user has the password that is meant.
find_password() {
    user=$(iam get-user --user-name="$1" --output text \
        --query 'User.[CreateDate,PasswordLastUsed]') || stop "aws iam get-user failed" || return
    case $user in
        *"$tab"*) ;;
        *) stop "not a user: '$user'" || return ;;
    esac
    at=$(epoch "${user%%"$tab"*}") || stop "not a user: '$user'" || return
    wanted=$(epoch "$2") || stop "not a time: '$2'" || return
    [ "$at" -eq "$wanted" ] || stop "another user of that name, created ${user%%"$tab"*}" || return
    same_use "$4" "${user#*"$tab"}" || return
    made=$(iam get-login-profile --user-name="$1" --output text --query LoginProfile.CreateDate) ||
        stop "no password, or aws iam get-login-profile failed" || return
    at=$(epoch "$made") || stop "not a login profile: '$made'" || return
    changed=$(epoch "$3") || stop "not a time: '$3'" || return
    [ "$at" -le $((changed + 60)) ] || stop "a new password since the report, of $made"
}

# begin ACCOUNT USER CREDENTIAL: start an item; fail where it is of another account.
begin() {
    item="$1 $2 $3"
    [ "$1" != "$account" ] || return 0
    skipped=$((skipped + 1))
    return 1
}

# make_inactive ACCOUNT USER CREDENTIAL CREATED LAST_USED
make_inactive() {
    begin "$1" "$2" "$3" || return 0
    if ! find_key "$2" "$4" "$5" ||
        ! run update-access-key --user-name="$2" --access-key-id "$id" --status Inactive; then
        stopped=$((stopped + 1))
    fi
}

# delete_never_used ACCOUNT USER CREDENTIAL CREATED
delete_never_used() {
    begin "$1" "$2" "$3" || return 0
    if ! find_key "$2" "$4" never; then
        stopped=$((stopped + 1))
    elif [ "$delete" = no ]; then
        say "left alone: $item ($id), never used; --delete-never-used deletes it"
        left=$((left + 1))
    elif ! run delete-access-key --user-name="$2" --access-key-id "$id"; then
        stopped=$((stopped + 1))
    fi
}

# remove_password ACCOUNT USER CREATED(user) CHANGED(password) LAST_USED
remove_password() {
    begin "$1" "$2" password || return 0
    if ! find_password "$2" "$3" "$4" "$5" ||
        ! run delete-login-profile --user-name="$2"; then
        stopped=$((stopped + 1))
    fi
}

finish() {
    say "Account $account: $ran done, $would to do, $left left alone, $stopped stopped;" \
        "$skipped of other accounts skipped"
    if [ $((ran + would + left + stopped)) -eq 0 ] && [ "$skipped" -gt 0 ]; then
        say "STOP: no item is of account $account; use credentials of an account named below"
        exit 1
    fi
    [ "$stopped" -eq 0 ] || exit 1
}

# ======== Items ========
# make_inactive      account user key created last-used
# delete_never_used  account user key created
# remove_password    account user user-created password-set last-used
