using AiChat.Data.NodePlatform;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.NodePlatform;

namespace AiChat.Tests.NodePlatform;

/// <summary>What of the other platform becomes what here.</summary>
public sealed class MappingTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_000);

    [Fact]
    public void Passwords_hashed_by_others_are_known_and_of_a_long_one_72_bytes_count()
    {
        Assert.True(BcryptHash.IsKnown(NodePlatformDatabase.Hash));
        Assert.True(BcryptHash.Verify(NodePlatformDatabase.Password, NodePlatformDatabase.Hash));
        Assert.False(BcryptHash.Verify(NodePlatformDatabase.Password + "x", NodePlatformDatabase.Hash));
        Assert.True(BcryptHash.Verify(NodePlatformDatabase.ChinesePassword, NodePlatformDatabase.ChineseHash));
        Assert.True(BcryptHash.Verify(NodePlatformDatabase.LongPassword, NodePlatformDatabase.LongHash));
        Assert.True(BcryptHash.Verify(NodePlatformDatabase.LongPassword[..72] + "else", NodePlatformDatabase.LongHash));
        Assert.False(BcryptHash.Verify(NodePlatformDatabase.LongPassword[..71], NodePlatformDatabase.LongHash));
        Assert.False(BcryptHash.Verify("\ud800", NodePlatformDatabase.Hash));
        Assert.False(BcryptHash.IsKnown("$2b$31$abcdefghijklmnopqrstuue6kmR/kuzJDcNuveaZhF/YiBFKbzcyi"));
        Assert.False(BcryptHash.IsKnown("$argon2id$v=19$m=19456,t=2,p=1$aa$aa"));
        Assert.False(BcryptHash.IsKnown(null));
    }

    [Theory]
    [InlineData(NodePlatformDatabase.Key, "aichat-encryption-key-2025", NodePlatformDatabase.PlainKey)]
    [InlineData(NodePlatformDatabase.OwnKey, NodePlatformDatabase.OwnPassphrase, NodePlatformDatabase.PlainKey)]
    [InlineData("U2FsdGVkX1", "any", null)]
    [InlineData("not base64 at all", "any", null)]
    public void Keys_sealed_by_crypto_js_are_opened(string text, string passphrase, string? expected) =>
        Assert.Equal(expected, CryptoJs.Open(text, passphrase));

    [Fact]
    public void No_wrong_passphrase_yields_a_key()
    {
        for (var at = 0; at < 2_000; at++)
        {
            var mapped = ConnectionMapping.Map(
                new SourceConnection { Provider = "openai", BaseUrl = "https://api.example.com/v1", ApiKey = NodePlatformDatabase.Key },
                [$"{at}"]);
            Assert.True(mapped.LostKey);
            Assert.Null(mapped.Form.Key);
        }
    }

    [Theory]
    [InlineData("http://localhost:11434", true)]
    [InlineData("http://127.0.0.1:8000/v1", true)]
    [InlineData("http://[::1]:8000/v1", true)]
    [InlineData("http://192.168.0.7/v1", true)]
    [InlineData("http://ollama:11434", true)]
    [InlineData("http://host.docker.internal:11434", true)]
    [InlineData("https://api.openai.com/v1", false)]
    [InlineData("https://8.8.8.8/v1", false)]
    public void Addresses_in_the_own_network_come_in_as_local(string baseUrl, bool local) =>
        Assert.Equal(local, ConnectionMapping.Map(new SourceConnection { Provider = "openai", BaseUrl = baseUrl }, []).Form.Local);

    [Fact]
    public void Versions_are_siblings_a_late_one_leaves_the_branch_and_orphans_keep_their_place()
    {
        var form = Map(
            Row(1, "USER", "q1"), Row(2, "assistant", "a1", parent: 1), Row(3, "assistant", "a1 again", parent: 1), Row(4, "user", "q2"),
            Row(5, "assistant", "a2", parent: 4), Row(6, "assistant", "a1 late", parent: 1), Row(7, "assistant", "orphan", parent: 99),
            Row(8, "tool", "x"));

        Assert.Equal(
            ["q1<", "a1<1", "a1 again<1", "q2<3", "a2<4", "a1 late<1", "orphan<5"],
            form.Messages.Select(message => $"{message.Content}<{message.ParentKey?.Split(':')[0]}"));
        Assert.StartsWith("7:", form.LeafKey, StringComparison.Ordinal);
    }

    [Fact]
    public void Circles_and_answers_before_their_question_end_in_one_branch()
    {
        var form = Map(Row(1, "assistant", "first", parent: 2), Row(2, "assistant", "second", parent: 1), Row(3, "user", "q", parent: 3));
        Assert.Equal([null, "1", "2"], form.Messages.Select(message => message.ParentKey?.Split(':')[0]));
    }

    [Fact]
    public void An_answer_that_is_being_written_waits_for_the_next_import_and_an_abandoned_one_is_interrupted()
    {
        var left = new Dictionary<string, int>();
        var at = Now.ToUnixTimeMilliseconds();
        var form = ChatMapping.Map(
            new SourceChat { Id = 1, Title = " a\nb " },
            [
                Row(1, "user", "q"),
                Row(2, "assistant", "old", "Streaming", at - 86_400_000),
                Row(3, "assistant", "new", "streaming", at - 1_000),
            ],
            null, Now, left);

        Assert.Equal(["done", "interrupted"], form.Messages.Select(message => message.Status));
        Assert.Equal("a b", form.Title);
        Assert.Equal(1, left.Values.Sum());
    }

    private static ChatForm Map(params SourceMessage[] rows) =>
        ChatMapping.Map(new SourceChat { Id = 1, Title = "t" }, rows, null, Now, new Dictionary<string, int>());

    private static SourceMessage Row(
        long id, string role, string text, string status = "done", long? updated = null, long? parent = null) => new()
        {
            Id = id,
            Role = role,
            Content = text,
            ParentId = parent,
            Status = status,
            Created = 1_700_000_000_000 + id,
            Updated = updated,
        };
}
