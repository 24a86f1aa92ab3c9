using System.Globalization;

namespace AiChat.Endpoints.Variables;

/// <summary>The forms that values take.</summary>
internal static class VariableRules
{
    public static readonly VariableRule<bool> Flag = new("true, false", ParseFlag);

    public static VariableRule<int> Number(int min, int max) => new(
        $"{min} … {max}",
        (string text, out string? broken) =>
        {
            broken = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
                && value >= min && value <= max ? null : $"is a whole number from {min} to {max}";
            return value;
        });

    /// <summary>One of some words, without regard to case.</summary>
    /// <param name="named">The words that the documents show.</param>
    public static VariableRule<T> Choice<T>(string[] named, Func<string, T?> find)
        where T : struct => new(
        string.Join(", ", named),
        (string text, out string? broken) =>
        {
            var found = find(text.ToLowerInvariant());
            broken = found is null ? $"is {string.Join(", ", named[..^1])} or {named[^1]}" : null;
            return found ?? default;
        });

    public static VariableRule<string?> Text(Words form, Func<string, string?>? check = null) => new(
        form,
        (string text, out string? broken) =>
        {
            broken = text.Any(char.IsControl) ? "has no control characters" : check?.Invoke(text);
            return text;
        });

    /// <summary>A path of this machine, taken literally.</summary>
    public static VariableRule<string?> Path(Words form, Func<string, string?>? check = null) => new(
        form,
        (string text, out string? broken) =>
        {
            broken = BrokenPath(text) ?? check?.Invoke(text);
            return text;
        });

    public static VariableRule<string[]> List(Words form, string rule, Func<string, string?> item) => new(
        form,
        (string text, out string? broken) =>
        {
            var items = text.Split([',', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var values = items.Select(item).OfType<string>().ToArray();
            broken = items.Length == 0 || values.Length < items.Length ? rule : null;
            return values;
        });

    /// <summary>The rule that a text breaks as a path.</summary>
    public static string? BrokenPath(string path) =>
        path.Any(char.IsControl) ? "has no control characters"
        : path[0] == '~' ? "is a path, and ~ is not replaced by a home folder; write the whole path"
        : path[0] == '$' || path.Contains("${", StringComparison.Ordinal) ? "is a path in which nothing is expanded; write it out"
        : path.Contains('\\') ? "is a path of this machine, with / and without backslashes"
        : "\"'`“‘”’".Contains(path[0]) || "\"'`“‘”’".Contains(path[^1]) ? "is a path without quotation marks around it"
        : null;

    private static bool ParseFlag(string text, out string? broken)
    {
        bool? value = text.ToLowerInvariant() switch
        {
            "true" or "1" or "yes" or "on" => true,
            "false" or "0" or "no" or "off" => false,
            _ => null,
        };
        broken = value is null ? "is true or false" : null;
        return value ?? false;
    }
}
