using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiChat.Endpoints.Variables;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Settings;

/// <summary>
/// One system setting: its key in the API and in the store, its default, its rule. A value is null only where the definition allows it.
/// </summary>
internal abstract record SettingDefinition(string Key, object? Default)
{
    /// <summary>Anybody may read it, because the page needs it.</summary>
    public bool IsPublic { get; init; }

    /// <summary>Encrypted in the store and never shown.</summary>
    public bool IsSecret { get; init; }

    /// <summary>The default in words, where it depends on the machine.</summary>
    public Words? DefaultWords { get; init; }

    /// <summary>The name of the environment variable that gives the default, unless it is the key in capitals.</summary>
    public string? VariableName { get; init; }

    /// <summary>Older names of that variable.</summary>
    public IReadOnlyList<string> OlderVariables { get; init; } = [];

    /// <summary>The environment variable that gives the default; set by <see cref="SettingTable"/>.</summary>
    public SettingVariable Variable { get; set; } = null!;

    /// <summary>The values it takes.</summary>
    public abstract Words Form { get; }

    /// <summary>The value in the JSON, or null and the rule it breaks.</summary>
    public abstract object? Read(JsonElement json, out string? broken);

    /// <summary>As <see cref="Read"/>, from the text of an environment variable.</summary>
    public abstract object? Parse(string text, out string? broken);

    public abstract JsonNode ToJson(object value);

    /// <summary>The value in the store; null when a newer rule refuses it. A secret stays sealed.</summary>
    public object? FromStored(string text)
    {
        if (IsSecret)
        {
            return text;
        }

        try
        {
            using var json = JsonDocument.Parse(text);
            return Read(json.RootElement, out _);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A value as its environment variable takes it.</summary>
    public string Show(object value) => value switch
    {
        string text => text,
        string[] items => items.Length == 0 ? "–" : string.Join(", ", items),
        _ => ToJson(value).ToJsonString(),
    };

    /// <summary>A value, in clear, as an administrator may see it: of a secret only that it is set.</summary>
    public virtual JsonNode View(object value) => IsSecret ? new JsonObject { ["set"] = true } : ToJson(value);

    /// <summary>What of a secret's value, in clear, must not appear in a log.</summary>
    public virtual IEnumerable<string> Secrets(string value) => [value];

    /// <summary>Null for what is not a text; half of a surrogate pair is not one.</summary>
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
}

/// <summary>The handle by which code reads a setting.</summary>
/// <typeparam name="T">What its values are.</typeparam>
internal abstract record Setting<T>(string Key, object? Default) : SettingDefinition(Key, Default);

internal sealed record FlagSetting(string Key, bool Value) : Setting<bool>(Key, Value)
{
    private const string Rule = "is true or false";

    public override Words Form => "true, false";

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

internal sealed record NumberSetting<T>(string Key, T? Value, T Min, T Max) : Setting<T>(Key, Value)
    where T : struct, IBinaryInteger<T>
{
    public override Words Form => $"{Min} … {Max}";

    private string Rule => $"is a whole number from {Min} to {Max}";

    public override object? Read(JsonElement json, out string? broken)
    {
        long value = 0;
        return Take(json.ValueKind == JsonValueKind.Number && json.TryGetInt64(out value), value, out broken);
    }

    public override object? Parse(string text, out string? broken) =>
        Take(long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value), value, out broken);

    public override JsonNode ToJson(object value) => JsonValue.Create(long.CreateChecked((T)value));

    private object? Take(bool isNumber, long value, out string? broken)
    {
        broken = isNumber && value >= long.CreateChecked(Min) && value <= long.CreateChecked(Max) ? null : Rule;
        return broken is null ? T.CreateChecked(value) : null;
    }
}

/// <summary>An amount of money with up to nine decimals; -1 is none.</summary>
internal sealed record AmountSetting(string Key, decimal Value, decimal Max) : Setting<decimal>(Key, Value)
{
    public override Words Form => new($"0 … {Max}, or -1 for none", $"0 … {Max}，-1 表示不限");

    private string Rule => $"is an amount from 0 to {Max} with at most nine decimals, or -1 for none";

    public override object? Read(JsonElement json, out string? broken)
    {
        decimal value = 0;
        broken = json.ValueKind == JsonValueKind.Number && json.TryGetDecimal(out value) && Fits(value) ? null : Rule;
        return broken is null ? value : null;
    }

    public override object? Parse(string text, out string? broken)
    {
        const NumberStyles style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;
        broken = decimal.TryParse(text, style, CultureInfo.InvariantCulture, out var value) && Fits(value) ? null : Rule;
        return broken is null ? value : null;
    }

    public override JsonNode ToJson(object value) => JsonValue.Create((decimal)value);

    private bool Fits(decimal value) => value == -1 || (value >= 0 && value <= Max && decimal.Round(value, 9) == value);
}

internal sealed record TextSetting(string Key, string? Value, int MinLength, int MaxLength) : Setting<string>(Key, Value)
{
    /// <summary>The rule a text breaks, or null.</summary>
    public Func<string, string?>? Check { get; init; }

    /// <summary>It may have several lines.</summary>
    public bool HasLines { get; init; }

    /// <summary>The words it may be, when it is a choice.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    public override Words Form => Choices.Count > 0 ? string.Join(", ", Choices)
        : new Words($"{MinLength} … {MaxLength} characters", $"{MinLength} … {MaxLength} 个字符");

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

/// <summary>
/// The way out to providers: <c>inherit</c> (what the environment says), <c>none</c> or the address of a proxy. It is sealed, because an
/// address can hold a password, and shown with the password masked.
/// </summary>
internal sealed record ProxySetting(string Key) : Setting<string>(Key, Inherit)
{
    public const string Inherit = "inherit";
    public const string None = "none";

    public override Words Form =>
        new("inherit, none, or an address such as http://proxy.example:3128", "inherit、none，或地址，例如 http://proxy.example:3128");

    public override object? Read(JsonElement json, out string? broken)
    {
        if (Text(json) is { } text)
        {
            return Parse(text, out broken);
        }

        broken = "is inherit, none or the address of a proxy";
        return null;
    }

    public override object? Parse(string text, out string? broken)
    {
        text = text.Trim();
        broken = null;
        return text.ToLowerInvariant() switch
        {
            "" or Inherit => Inherit,
            None => None,
            _ => OutboundProxy.Parse(text, out broken)?.Text,
        };
    }

    public override JsonNode ToJson(object value) => JsonValue.Create((string)value);

    public override JsonNode View(object value) => JsonValue.Create(OutboundText.Show((string)value));

    public override IEnumerable<string> Secrets(string value) => OutboundText.Secrets(value);
}

internal sealed record ListSetting(string Key, int MaxItems, Func<string, string?> Check) : Setting<string[]>(Key, Array.Empty<string>())
{
    /// <summary>The entries are sentences, which have commas of their own.</summary>
    public bool HoldsSentences { get; init; }

    public override Words Form => HoldsSentences
        ? new($"up to {MaxItems}, separated by semicolons", $"至多 {MaxItems} 项，以分号分隔")
        : new($"up to {MaxItems}, separated by commas", $"至多 {MaxItems} 项，以逗号分隔");

    public override object? Read(JsonElement json, out string? broken)
    {
        if (json.ValueKind == JsonValueKind.Array && json.EnumerateArray().Select(Text).ToArray() is var items && !items.Contains(null))
        {
            return Validate(items!, out broken);
        }

        broken = "is a list of texts";
        return null;
    }

    public override object? Parse(string text, out string? broken) =>
        Validate(
            text.Split(
                [HoldsSentences ? ';' : ',', '\n'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), out broken);

    public override JsonNode ToJson(object value) => new JsonArray([.. ((string[])value).Select(item => (JsonNode)JsonValue.Create(item))]);

    private string[]? Validate(string[] items, out string? broken)
    {
        broken = items.Length > MaxItems ? $"has at most {MaxItems} entries" : items.Select(Check).FirstOrDefault(rule => rule is not null);
        return broken is null ? items : null;
    }
}
