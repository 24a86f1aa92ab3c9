namespace AiChat.Endpoints.Variables;

/// <summary>Where a variable stands in the documents.</summary>
internal enum VariableSection
{
    Network,
    Data,
    Secrets,
    Browsers,
    Running,
    Settings,
}

/// <summary>
/// One environment variable: all that parsing, <c>aichat settings</c>, the README and .env.example need to know of it.
/// </summary>
internal abstract class Variable(string name, VariableSection section)
{
    public string Name => name;

    public VariableSection Section => section;

    /// <summary>Other names that still work; <see cref="Name"/> wins over them.</summary>
    public IReadOnlyList<string> OlderNames { get; init; } = [];

    /// <summary>Never shown. It may also stand in a file, which the variable with _FILE at the end of its name gives.</summary>
    public bool IsSecret { get; init; }

    /// <summary>What may be shown of a value.</summary>
    public Func<string, string> Shown { get; init; } = static text => text;

    /// <summary>The setting on the page whose default it is.</summary>
    public string? SettingKey { get; init; }

    /// <summary>What it does.</summary>
    public abstract Words Meaning { get; }

    /// <summary>What holds when it is not set.</summary>
    public abstract Words DefaultText { get; }

    /// <summary>The values it takes.</summary>
    public abstract Words Form { get; }

    /// <summary>Every name that is read for it.</summary>
    public IEnumerable<string> Names =>
        OlderNames.Prepend(name).SelectMany(known => IsSecret ? [known, known + EnvironmentValues.FileSuffix] : new[] { known });

    /// <summary>The rule that a text breaks, as the predicate of a sentence, or null.</summary>
    public abstract string? Broken(string text);
}

/// <summary>The value in a text, or default and the rule that it breaks, as the predicate of a sentence.</summary>
internal delegate T? VariableParser<T>(string text, out string? broken);

/// <summary>Reads texts of one form.</summary>
internal sealed record VariableRule<T>(Words Form, VariableParser<T> Parse);

/// <summary>A variable that the server reads at start as a <typeparamref name="T"/>.</summary>
/// <param name="value">What <see cref="Read"/> gives when it is not set.</param>
/// <param name="absent">The same for the documents.</param>
internal sealed class Variable<T>(string name, VariableSection section, VariableRule<T> rule, T value, Words absent, Words meaning)
    : Variable(name, section)
{
    public override Words Meaning => meaning;

    public override Words DefaultText => absent;

    public override Words Form => rule.Form;

    public override string? Broken(string text)
    {
        rule.Parse(text, out var broken);
        return broken;
    }

    /// <summary>The value given, or the default.</summary>
    /// <exception cref="Data.StartupException">The value breaks its rule; the message names the variable and where it stands.</exception>
    public T Read(EnvironmentValues values)
    {
        if (values.Find(this) is not { } given)
        {
            return value;
        }

        var read = rule.Parse(given.Text, out var broken);
        return broken is null ? read! : throw given.Wrong(broken);
    }
}
