using AiChat.Data;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Http;

/// <summary>Messages that are built from a name and a rule. Those of the API are checked where they are expected (ExpectProblem).</summary>
public sealed class WordingTests
{
    private static readonly string[] Wrong =
    [
        "", " ", "x", "-7", "1.5", "a b", "\u0001", "ä", "http://", "ftp://x", "*", "/../", "[", "a\nb",
        new string('9', 30), new string('y', 5_000),
    ];

    [Fact]
    public void The_rules_of_settings_make_sentences()
    {
        var messages = new HashSet<string>();
        foreach (var definition in SettingTable.All)
        {
            foreach (var value in Wrong)
            {
                Collect(messages, () => SettingTable.ReadVariables(
                    EnvironmentValues.Of(name => name == definition.Variable.Name ? value : null)));
            }

            foreach (var json in Wrong.Select(text => System.Text.Json.JsonSerializer.SerializeToElement(text))
                .Concat([Parsed("[1]"), Parsed("{}"), Parsed("true"), Parsed("1e99"), Parsed("[\"\"]")]))
            {
                definition.Read(json, out var broken);
                if (broken is not null)
                {
                    Assert.Matches("^[a-z]+ ", broken);
                    messages.Add($"The value {broken}.");
                }
            }
        }

        Assert.True(messages.Count > 50);
        Assert.All(messages, Wording.Check);
    }

    [Fact]
    public void The_rules_of_variables_make_sentences()
    {
        var messages = new HashSet<string>();
        foreach (var variable in ServerVariables.All)
        {
            foreach (var value in Wrong)
            {
                Collect(messages, () => ServerOptions.Load(name => name == variable.Name ? value : null));
            }
        }

        Assert.True(messages.Count >= 20);
        Assert.All(messages, Wording.Check);
    }

    [Theory]
    [InlineData("A is wrong: it A key is at most 4096 characters.")]
    [InlineData("It has no spaces..")]
    [InlineData("It is is wrong.")]
    [InlineData("It ends here. .")]
    [InlineData("Two  blanks.")]
    [InlineData("")]
    public void What_is_badly_put_together_is_found(string text) => Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Wording.Check(text));

    private static void Collect(HashSet<string> messages, Action load)
    {
        try
        {
            load();
        }
        catch (StartupException error)
        {
            messages.Add(error.Message);
        }
    }

    private static System.Text.Json.JsonElement Parsed(string json) => System.Text.Json.JsonDocument.Parse(json).RootElement;
}
