# Reads lines `add|remove process|folder WHAT`, and when its input ends clears away what was not removed.
# Folder names hold no blanks; only folders of ours under a temporary folder are accepted.
trap '' INT TERM HUP
processes=' '
folders=' '

without() {
  rest=' '
  for each in $1; do [ "$each" = "$2" ] || rest="$rest$each "; done
  printf '%s' "$rest"
}

while read -r verb kind what; do
  case "$verb $kind" in
    'add process') processes="$processes$what " ;;
    'remove process') processes=$(without "$processes" "$what") ;;
    'add folder') case "$what" in */sealwatch-*) folders="$folders$what " ;; esac ;;
    'remove folder') folders=$(without "$folders" "$what") ;;
  esac
done
for each in $processes; do kill -KILL "$each" 2>/dev/null; done
for each in $folders; do rm -rf "$each"; done
