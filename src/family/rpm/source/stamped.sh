# The version that the source's tags say, and what has changed, into the spec: as evaluation has read it.
for spec in top/SPECS/*.spec; do
    head=yes
    told=no
    while IFS= read -r line || [ -n "$line" ]; do
        bare=${line#"${line%%[![:space:]]*}"}
        word=${bare%%[[:space:]]*}
        case "$word" in
        %package | %description | %prep | %generate_buildrequires | %build | %install | %files | %changelog) head=no ;;
        esac
        tag=${bare%%:*}
        tag=${tag%"${tag##*[![:space:]]}"}
        case "$head$bare" in
        yes*:*)
            case "$tag" in
            [Vv][Ee][Rr][Ss][Ii][Oo][Nn])
                rest=${line#*:}
                line="${line%%:*}:${rest%%[![:space:]]*}$OPB_UPSTREAM_VERSION"
                ;;
            esac
            ;;
        esac
        printf '%s\n' "$line"
        if [ "$word" = %changelog ] && [ "$told" = no ]; then
            cat /opb/files/changes
            told=yes
        fi
    done < "$spec" > stamped.spec
    if [ "$told" = no ]; then
        printf '\n%%changelog\n' >> stamped.spec
        cat /opb/files/changes >> stamped.spec
    fi
    cat stamped.spec > "$spec"
done
