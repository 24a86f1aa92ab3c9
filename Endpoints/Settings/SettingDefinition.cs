using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Endpoints.Settings;

/// <summary>
/// One system setting: its name on the wire and in the store, its default, its rule. Values are bool, long, string or
/// string[], or null where the definition allows it.
/// </summary>
internal abstract record SettingDefinition(string Key, object? Default)
{
    /// <summary>Everybody may read it, because the page needs it.</summary>
    public bool IsPublic { get; init; }

    /// <summary>Sealed in the store, never shown.</summary>
    public bool IsSecret { get; init; }

    /// <summary>Environment variables that give the default, the first that is set wins. Always the key in capitals, plus older names.</summary>
    public IReadOnlyList<string> Variables { get; init; } = [Capitals(Key)];

    /// <summary>The value in the JSON, or null and the rule it breaks.</summary>
    public abstract object? Read(JsonElement json, out string? broken);

    /// <summary>As <see cref="Read"/>, from the text of an environment variable.</summary>
    public abstract object? Parse(string text, out string? broken);

    public abstract JsonNode ToJson(object value);

    /// <summary>Null for what is not a text, half of a character included.</summary>
    protected static string? Text(JsonElement json)
    {
        try
        {
            return json.ValueKind == JsonValueKind.String ? json.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string Capitals(string key) =>
        string.Concat(key.Select(c => char.IsAsciiLetterUpper(c) ? $"_{c}" : char.ToUpperInvariant(c).ToString()));
}

internal sealed record FlagSetting(string Key, bool Value) : SettingDefinition(Key, Value)
{
    private const string Rule = "is true or false";

    public override object? Read(JsonElement json, out string? broken)
    {
        broken = json.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : Rule;
        return broken is null ? json.GetBoolean() : null;
    }

    public override object? Parse(string text, out string? broken)
    {
        object? value = text.ToLowerInvariant() switch
        {
            "true" or "1" or "yes" or "on" => true,
            "false" or "0" or "no" or "off" => false,
            _ => null,
        };
        broken = value is null ? Rule : null;
        return value;
    }

    public override JsonNode ToJson(object value) => JsonValue.Create((bool)value);
}

internal sealed record NumberSetting(string Key, long? Value, long Min, long Max) : SettingDefinition(Key, Value)
{
    private string Rule => $"is a whole number from {Min} to {Max}";

    public override object? Read(JsonElement json, out string? broken)
    {
        long value = 0;
        broken = json.ValueKind == JsonValueKind.Number && json.TryGetInt64(out value) && value >= Min && value <= Max ? null : Rule;
        return broken is null ? value : null;
    }

    public override object? Parse(string text, out string? broken)
    {
        broken = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= Min && value <= Max ? null : Rule;
        return broken is null ? value : null;
    }

    public override JsonNode ToJson(object value) => JsonValue.Create((long)value);
}

/// <summary>An amount of money with up to nine decimals; -1 is none.</summary>
internal sealed record AmountSetting(string Key, decimal Value, decimal Max) : SettingDefinition(Key, Value)
{
    private string Rule => $"is an amount from 0 to {Max} with at most nine decimals, or -1 for none";

    public override object? Read(JsonElement json, out string? broken)
    {
        decimal value = 0;
        broken = json.ValueKind == JsonValueKind.Number && json.TryGetDecimal(out value) && Fits(value) ? null : Rule;
        return broken is null ? value : null;
    }

    public override object? Parse(string text, out string? broken)
    {
        broken = decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && Fits(value) ? null : Rule;
        return broken is null ? value : null;
    }

    public override JsonNode ToJson(object value) => JsonValue.Create((decimal)value);

    private bool Fits(decimal value) => value == -1 || (value >= 0 && value <= Max && decimal.Round(value, 9) == value);
}

internal sealed record TextSetting(string Key, string? Value, int MinLength, int MaxLength) : SettingDefinition(Key, Value)
{
    /// <summary>The rule a text breaks, or null.</summary>
    public Func<string, string?>? Check { get; init; }

    /// <summary>Whether it may have several lines.</summary>
    public bool HasLines { get; init; }

    public override object? Read(JsonElement json, out string? broken)
    {
        if (Text(json) is { } text)
        {
            return Parse(text, out broken);
        }

        broken = "is a text";
        return null;
    }

    public override object? Parse(string text, out string? broken)
    {
        var value = text.Trim();
        broken = value.Length < MinLength || value.Length > MaxLength ? $"has {MinLength} to {MaxLength} characters"
            : value.Any(c => char.IsControl(c) && !(HasLines && c is '\n')) ? "has no control characters"
            : value.Length > 0 ? Check?.Invoke(value) : null;
        return broken is null ? value : null;
    }

    public override JsonNode ToJson(object value) => JsonValue.Create((string)value);
}

internal sealed record ListSetting(string Key, int MaxItems, Func<string, string?> Check) : SettingDefinition(Key, Array.Empty<string>())
{
    public override object? Read(JsonElement json, out string? broken)
    {
        if (json.ValueKind == JsonValueKind.Array && json.EnumerateArray().Select(Text).ToArray() is var items && !items.Contains(null))
        {
            return Keep(items!, out broken);
        }

        broken = "is a list of texts";
        return null;
    }

    public override object? Parse(string text, out string? broken) =>
        Keep(text.Split([',', '\n'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), out broken);

    public override JsonNode ToJson(object value) => new JsonArray([.. ((string[])value).Select(item => (JsonNode)JsonValue.Create(item))]);

    private string[]? Keep(string[] items, out string? broken)
    {
        broken = items.Length > MaxItems ? $"has at most {MaxItems} entries" : items.Select(Check).FirstOrDefault(rule => rule is not null);
        return broken is null ? items : null;
    }
}
