#!/bin/sh
# Admin commands for unused access keys and passwords. credreport made this script from IAM
# credential reports. Review the items at the end, delete the lines of credentials that must
# stay, and run:
#
#   sh remediate.sh                               check everything, change nothing
#   sh remediate.sh --apply                       make inactive the keys that were used before and are
#                                                 unused now; remove unused passwords
#   sh remediate.sh --apply --delete-never-used   also delete the keys that were never used
#
# Without --delete-never-used, keys that were never used stay. With it, the keys are deleted that
# fail unused-credentials, and those that only fail no-initial-access-keys. Keys that are in use are
# not touched. worksheet.csv lists what people have to do: all that users who left still have
# (leaver-credentials), and what an old report shows.
#
# The script works on the account of the credentials that `aws` uses. It skips the items of other
# accounts.
#
# A report may be out of date, and it has no key ids. So the script asks AWS before each change.
# It prints STOP and changes nothing unless all of this holds:
# - Key: exactly one active key of the user has the creation time that the report shows.
# - Password: the user has the creation time that the report shows, and the password was not
#   created after the time at which it was set according to the report.
# - AWS and the report show the same last use (to the minute), or both show none.
# It also prints STOP if a command fails or its answer cannot be read. The script cannot see:
# - a use in the last minutes: AWS records only the first use in 5 minutes for a password, and in
#   15 minutes for a key,
# - a use between the check and the command,
# - a change of a password after the report.
#
# To undo: aws iam update-access-key ... --status Active. Deleted keys and passwords cannot be
# restored. `aws iam create-login-profile` gives a user a new password.

set -eu
export AWS_PAGER=''

usage() {
    cat <<'EOF'
Usage: sh remediate.sh [--apply] [--delete-never-used]
Checks the items of the account of the credentials that `aws` uses, and prints the commands it
would run.
  --apply              run the commands: make inactive the keys that were used before and are
                       unused now, and remove unused passwords
  --delete-never-used  also delete the keys that were never used, including those that only fail
                       no-initial-access-keys (otherwise they stay)
  --help               show this help
Exit code: 0 no item stopped, 1 some items stopped (see STOP), 2 wrong option or no access to AWS.
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
    command -v "$tool" >/dev/null || give_up "the command $tool is missing: install it"
done
account=$(aws sts get-caller-identity --query Account --output text </dev/null) ||
    give_up "aws sts get-caller-identity failed: check the credentials of aws"
case $account in
    '' | *[!0-9]*) give_up "aws sts get-caller-identity gave no account number: '$account'" ;;
esac

ran=0 would=0 left=0 stopped=0 skipped=0
tab=$(printf '\t')
mode="dry run, nothing will be changed"
[ "$apply" = no ] || mode="changes will be made"
say "Account $account: $mode"

iam() { aws iam "$@" </dev/null; }

# stop REASON: print STOP with the reason, and fail.
stop() {
    say "STOP $item: $*"
    return 1
}

# run ARGUMENTS of aws iam: run the command; in a dry run, only print it.
run() {
    if [ "$apply" = no ]; then
        say "would run: aws iam $*"
        would=$((would + 1))
    elif iam "$@"; then
        say "done: aws iam $*"
        ran=$((ran + 1))
    else
        stop "this command failed, check whether it had an effect: aws iam $*"
    fi
}

# epoch TIME: print an ISO 8601 time as whole seconds since 1970; fail if it is not one.
epoch() {
    printf '%s\n' "$1" | awk '
        BEGIN {
            n = "[0-9][0-9]"
            instant = "^" n n "-" n "-" n "T" n ":" n ":" n "([.][0-9]+)?(Z|[+-]" n ":?" n ")$"
        }
        $0 ~ instant {
            y = substr($0, 1, 4); m = substr($0, 6, 2) - 3; d = substr($0, 9, 2)
            if (m < 0) { m += 12; y-- }  # count years from March: the leap day comes last
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

# same_use REPORTED NOW: succeed if AWS shows the last use of the report (`never`: no use).
same_use() {
    case $1,$2 in
        never,None | never,N/A) return 0 ;;
        *,None | *,N/A) stop "AWS shows no use, but the report shows one at $1" || return ;;
    esac
    now=$(epoch "$2") || stop "AWS gave an unreadable time of last use: '$2'" || return
    [ "$1" != never ] || stop "used since the report: $2" || return
    was=$(epoch "$1") || stop "unreadable time in this script: '$1'" || return
    was=$((was - was % 60))
    [ "$now" -le $((was + 60)) ] || stop "used since the report: $2, not $1" || return
    [ "$now" -ge "$was" ] || stop "AWS shows an earlier last use than the report: $2, not $1"
}

# find_key USER CREATED LAST_USED: set `id` to the one active key with these times.
find_key() {
    keys=$(iam list-access-keys --user-name="$1" --output text \
        --query "AccessKeyMetadata[?Status=='Active'].[AccessKeyId,CreateDate]") ||
        stop "aws iam list-access-keys failed" || return
    wanted=$(epoch "$2") || stop "unreadable time in this script: '$2'" || return
    matches=0
    while read -r found made more; do
        [ -n "$found" ] || continue # without active keys there is one empty line
        case $found$more in
            *[!A-Za-z0-9_]*) stop "AWS gave an unreadable list of keys: '$keys'" || return ;;
        esac
        at=$(epoch "$made") || stop "AWS gave an unreadable list of keys: '$keys'" || return
        if [ "$at" -eq "$wanted" ]; then
            matches=$((matches + 1)) id=$found
        fi
    done <<EOF
$keys
EOF
    [ "$matches" -eq 1 ] || stop "$matches active keys were created at $2, expected exactly one" || return
    last=$(iam get-access-key-last-used --access-key-id "$id" --output text \
        --query AccessKeyLastUsed.LastUsedDate) ||
        stop "aws iam get-access-key-last-used failed" || return
    same_use "$3" "$last"
}

# find_password USER CREATED CHANGED LAST_USED: succeed if the user has the password of the report.
find_password() {
    user=$(iam get-user --user-name="$1" --output text \
        --query 'User.[CreateDate,PasswordLastUsed]') || stop "aws iam get-user failed" || return
    case $user in
        *"$tab"*) ;;
        *) stop "AWS gave an unreadable user: '$user'" || return ;;
    esac
    at=$(epoch "${user%%"$tab"*}") || stop "AWS gave an unreadable user: '$user'" || return
    wanted=$(epoch "$2") || stop "unreadable time in this script: '$2'" || return
    [ "$at" -eq "$wanted" ] || stop "another user has this name now, created ${user%%"$tab"*}" || return
    same_use "$4" "${user#*"$tab"}" || return
    made=$(iam get-login-profile --user-name="$1" --output text --query LoginProfile.CreateDate) ||
        stop "the user has no password, or aws iam get-login-profile failed" || return
    at=$(epoch "$made") || stop "AWS gave an unreadable login profile: '$made'" || return
    changed=$(epoch "$3") || stop "unreadable time in this script: '$3'" || return
    [ "$at" -le $((changed + 60)) ] || stop "the user got a new password after the report, at $made"
}

# begin ACCOUNT USER CREDENTIAL: start an item; fail if it belongs to another account.
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
        say "left alone: $item ($id), never used; use --delete-never-used to delete it"
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
        "$skipped skipped (other accounts)"
    if [ $((ran + would + left + stopped)) -eq 0 ] && [ "$skipped" -gt 0 ]; then
        say "STOP: no item belongs to account $account; use credentials of an account named in this script"
        exit 1
    fi
    [ "$stopped" -eq 0 ] || exit 1
}

# ======== Items ========
# make_inactive      account user key created last-used
# delete_never_used  account user key created
# remove_password    account user user-created password-set last-used
