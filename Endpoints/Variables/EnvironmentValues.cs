using AiChat.Data;

namespace AiChat.Endpoints.Variables;

/// <summary>The value of a variable: the name that gave it, the text, and the file it stands in (null: the environment).</summary>
internal sealed record GivenValue(string Name, string Text, string? File)
{
    /// <summary>A message that names the variable and the file, and the sign that may be the reason. It never holds the value.</summary>
    /// <param name="rule">The predicate of a sentence without its full stop.</param>
    public StartupException Wrong(string rule) => new(
        StartupException.Configuration, $"{Name}{Place} is wrong: it {rule}.{ValueText.NameSign(Text)}");

    /// <summary>" in PATH", or nothing for the environment.</summary>
    public string Place => File is null ? "" : $" in {File}";
}

/// <summary>The default of a setting that a variable gives.</summary>
internal sealed record GivenDefault(object Value, GivenValue Given);

/// <summary>Names and values from one place.</summary>
/// <param name="File">Null for the environment.</param>
internal sealed record ValueLayer(string? File, Func<string, string?> Get)
{
    /// <summary>Every name that is set here.</summary>
    public IReadOnlyCollection<string> Names { get; init; } = [];

    /// <summary>The environment of this process.</summary>
    public static ValueLayer Process() =>
        new(null, Environment.GetEnvironmentVariable) { Names = [.. Environment.GetEnvironmentVariables().Keys.OfType<string>()] };
}

/// <summary>
/// The values of variables, from the environment and from files of variables. What the environment sets wins. A value that is empty
/// counts as not set.
/// </summary>
internal sealed class EnvironmentValues(IReadOnlyList<ValueLayer> layers)
{
    /// <summary>At the end of a secret's name: the variable gives the path of a file that holds it.</summary>
    public const string FileSuffix = "_FILE";

    private const int MaxSecret = 64 * 1024;

    /// <summary>From the one that wins to the one that loses.</summary>
    public IReadOnlyList<ValueLayer> Layers => layers;

    /// <summary>What was seen while the files were read.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Values from one source, such as the environment of this process.</summary>
    public static EnvironmentValues Of(Func<string, string?> get) => new([new ValueLayer(null, get)]);

    /// <summary>Null when it is not set.</summary>
    /// <exception cref="StartupException">A secret is set twice, or its file cannot be read.</exception>
    public GivenValue? Find(Variable variable) => Locate(variable) is var (value, file) && file is not null ? Read(file) : value;

    /// <summary>The variable that names the file of a secret, and as its text the path; null when none is named.</summary>
    /// <exception cref="StartupException">The secret is set twice.</exception>
    public GivenValue? FindFile(Variable variable) => Locate(variable).File;

    /// <summary>The value under just this name, for what reads the environment by its own rules; null when it is not set.</summary>
    public string? Get(string name) => layers.Select(layer => Take(layer, name)).FirstOrDefault(given => given is not null)?.Text;

    /// <summary>What the first layer gives that sets the variable.</summary>
    private (GivenValue? Value, GivenValue? File) Locate(Variable variable)
    {
        foreach (var layer in layers)
        {
            var names = variable.OlderNames.Prepend(variable.Name).ToList();
            var value = names.Select(name => Take(layer, name)).FirstOrDefault(given => given is not null);
            var file = variable.IsSecret
                ? names.Select(name => Take(layer, name + FileSuffix)).FirstOrDefault(given => given is not null) : null;
            if (value is not null && file is not null)
            {
                throw new StartupException(
                    StartupException.Configuration, $"{value.Name} and {file.Name}{file.Place} are both set; leave one of them out.");
            }

            if ((value ?? file) is not null)
            {
                return (value, file);
            }
        }

        return default;
    }

    private static GivenValue? Take(ValueLayer layer, string name) =>
        layer.Get(name) is { } text && ValueText.Clean(text) is { Length: > 0 } clean ? new GivenValue(name, clean, layer.File) : null;

    private static GivenValue Read(GivenValue named)
    {
        var path = named.Text;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read);
            var bytes = new byte[MaxSecret + 1];
            var count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            var reason = count > MaxSecret ? $"is larger than {MaxSecret / 1024} KiB"
                : ValueText.Decode(bytes[..count]) is not { } text ? "holds something other than text"
                : ValueText.Clean(text) is not { Length: > 0 } clean ? "is empty"
                : null;
            return reason is null
                ? new GivenValue(named.Name, ValueText.Clean(ValueText.Decode(bytes[..count])!), named.File)
                : throw Wrong(reason);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Wrong(ValueText.WhyUnreadable(path));
        }

        StartupException Wrong(string reason) =>
            new(StartupException.Configuration, $"{named.Name}{named.Place} is wrong: the file {path} {reason}.");
    }
}
