using System.Text.RegularExpressions;
using AiChat.Data.Postgres;
using AiChat.Endpoints.Variables;

namespace AiChat.Endpoints.Settings;

/// <summary>
/// What the operator should know of the variables at start, one line each: what has no effect and why, what is not known. Nothing of it
/// stops the server.
/// </summary>
internal static partial class StartNotes
{
    private const string Prefix = "AICHAT_";

    public static IEnumerable<string> Of(EnvironmentValues values)
    {
        var names = values.Layers.SelectMany(layer => layer.Names).Distinct().Order(StringComparer.Ordinal).ToList();
        string?[] notes =
        [
            .. values.Notes,
            .. values.Layers.Where(layer => layer.File is not null).Select(Unexpanded),
            Sentence("Without effect: ", names.Where(name => Retired(name) is not null).Select(name => $"{name} ({Retired(name)})")),
            Sentence("Not known and ignored: ", names.Select(Unknown)),
            Sentence("Set twice: ", VariableTable.All.Select(variable => Twice(variable, values))),
            Cors(values),
            Database(values),
            TimeZones.Find(ServerVariables.TimeZone.Read(values)).Note,
        ];
        return notes.OfType<string>();
    }

    /// <summary>Which files were read, and what each gives.</summary>
    public static IEnumerable<string> Files(EnvironmentValues values) =>
        values.Layers.Where(layer => layer.File is not null).Select(layer => Used(layer, values)).OfType<string>();

    /// <summary>Where saved settings take the place of variables; null when none does.</summary>
    public static string? Overridden(SystemSettings settings) => Sentence(
        "Saved on the page and used instead of the variable: ",
        settings.Given().Where(given => !given.Holds)
            .Select(given => $"{given.Setting.Key} ({given.Default.Given.Name}{given.Default.Given.Place})"));

    private static string? Retired(string name) => RetiredVariables.Reason(name);

    private static string? Sentence(string begin, IEnumerable<string?> parts) =>
        parts.OfType<string>().ToList() is { Count: > 0 } list ? $"{begin}{string.Join(", ", list)}." : null;

    private static string? Used(ValueLayer layer, EnvironmentValues values)
    {
        var known = layer.Names.Intersect(VariableTable.All.SelectMany(variable => variable.Names)).Order(StringComparer.Ordinal).ToList();
        var loses = known.Where(name => IsSet(values, name, before: layer)).ToList();
        var used = known.Except(loses).ToList();
        return known.Count == 0 ? null
            : $"Read {layer.File}: {(used.Count > 0 ? string.Join(", ", used) : "nothing")}"
                + (loses.Count > 0 ? $"; the environment or a later file wins for {string.Join(", ", loses)}." : ".");
    }

    private static bool IsSet(EnvironmentValues values, string name, ValueLayer before) =>
        values.Layers.TakeWhile(layer => layer != before).Any(layer => ValueText.Clean(layer.Get(name) ?? "").Length > 0);

    private static string? Unexpanded(ValueLayer layer) => Sentence(
        $"A dollar sign in {layer.File} is taken as it is, nothing is expanded: ",
        layer.Names.Where(name => IsKnown(name) && Reference().IsMatch(layer.Get(name) ?? "")));

    private static bool IsKnown(string name) => VariableTable.All.Any(variable => variable.Names.Contains(name));

    /// <summary>
    /// A name with our prefix that nothing reads, or one letter beside one of ours. Kubernetes and container links set names of the kind
    /// NAME_SERVICE_HOST and NAME_PORT_8001_TCP_ADDR for a service that is called aichat.
    /// </summary>
    private static string? Unknown(string name)
    {
        if (IsKnown(name) || ServiceLink().IsMatch(name) || RetiredVariables.Reason(name) is not null)
        {
            return null;
        }

        var all = VariableTable.All.SelectMany(variable => variable.Names);
        if (name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return Names.Nearest(all, name) is { } near ? $"{name} (did you mean {near}?)"
                : all.Contains(name[Prefix.Length..]) ? $"{name} (did you mean {name[Prefix.Length..]}?)" : name;
        }

        return name.Length >= 10 && all.FirstOrDefault(known => Names.Distance(known, name.ToUpperInvariant()) <= 1) is { } beside
            ? $"{name} (did you mean {beside}?)" : null;
    }

    /// <summary>An older name that is set beside the newer one with another value.</summary>
    private static string? Twice(Variable variable, EnvironmentValues values)
    {
        var given = variable.OlderNames.Prepend(variable.Name).Where(name => values.Get(name) is not null).ToList();
        return given.Select(values.Get).Distinct().Count() > 1 && values.Find(variable) is { } used
            ? $"{string.Join(" and ", given)} ({used.Name} is used)" : null;
    }

    private static string? Cors(EnvironmentValues values) =>
        ServerVariables.Cors.Read(values) is not { } isOn ? null
        : isOn && ServerVariables.CorsOrigins.Read(values).Length == 0
            ? "ENABLE_CORS is true without CORS_ORIGIN, so no other site may call; the own page needs neither."
        : !isOn && ServerVariables.CorsOrigins.Read(values).Length > 0 ? "ENABLE_CORS is false, so CORS_ORIGIN is not used."
        : null;

    private static string? Database(EnvironmentValues values) =>
        values.Find(ServerVariables.Database) is { } given && !PostgresUrl.IsOne(given.Text)
        && DatabaseUrl.Parse(given.Text, out var broken).Ignored is { Length: > 0 } ignored && broken is null
            ? $"{given.Name} has parameters of another program, which are ignored: {string.Join(", ", ignored)}." : null;

    [GeneratedRegex(@"\$\{[A-Za-z_]|\$\(|\$[A-Z_]{3}")]
    private static partial Regex Reference();

    [GeneratedRegex(@"\AAICHAT_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_[0-9]+_(TCP|UDP)(_(ADDR|PORT|PROTO))?|NAME|ENV_.*)\z")]
    private static partial Regex ServiceLink();
}
