using AiChat.Data.Catalog;
using AiChat.Endpoints.Catalog;

namespace AiChat.Tests;

/// <summary>Which model a user gets, decided from the rows alone.</summary>
public sealed class CatalogResolutionTests
{
    private static readonly ConnectionRow Demo = new() { Id = 1, Provider = "demo", Name = "Demo", Enabled = true };

    [Fact]
    public void The_demo_answers_until_a_real_model_is_there()
    {
        Assert.Equal("demo", Snapshot([Demo], [Row(1, "demo")]).Default(7, false)?.Model);
        Assert.Equal(
            "gpt-4o",
            Snapshot([Real(2), Demo], [Row(1, "demo"), Row(2, "text-embedding-3-small"), Row(2, "gpt-4o")]).Default(7, false)?.Model);
    }

    [Fact]
    public void The_administrators_default_wins_where_it_may_be_used()
    {
        var snapshot = Snapshot(
            [Real(2)],
            [Row(2, "gpt-4o"), Row(2, "o3")],
            [new ModelOverrideRow { ConnectionId = 2, Model = "o3", IsDefault = true, AllowedUsers = "[7]" }]);

        Assert.Equal("o3", snapshot.Default(7, false)?.Model);
        Assert.Equal("gpt-4o", snapshot.Default(8, false)?.Model);
    }

    [Fact]
    public void A_bare_id_counts_only_while_it_is_unambiguous()
    {
        var snapshot = Snapshot([Real(2), Real(3, "west")], [Row(2, "gpt-4o"), Row(3, "gpt-4o"), Row(3, "o3")]);

        Assert.Equal(2, snapshot.Find("gpt-4o", 7, false)?.Connection.Id);
        Assert.Equal(3, snapshot.Find("west.gpt-4o", 7, false)?.Connection.Id);
        Assert.Equal(3, snapshot.Find("o3", 7, false)?.Connection.Id);

        var twins = Snapshot([Real(2), Real(3)], [Row(2, "gpt-4o"), Row(3, "gpt-4o")]);
        Assert.Null(twins.Find("gpt-4o", 7, false));
        Assert.Equal(["2.gpt-4o", "3.gpt-4o"], twins.Models.Select(model => model.PublicId));
        Assert.Equal(3, twins.Find("3.gpt-4o", 7, false)?.Connection.Id);
    }

    [Fact]
    public void Hidden_and_foreign_models_are_not_there_for_users()
    {
        var snapshot = Snapshot(
            [Real(2)],
            [Row(2, "gpt-4o"), Row(2, "o3")],
            [
                new ModelOverrideRow { ConnectionId = 2, Model = "gpt-4o", Hidden = true },
                new ModelOverrideRow { ConnectionId = 2, Model = "o3", AllowedUsers = "[9]" },
            ]);

        Assert.Null(snapshot.Find("gpt-4o", 7, false));
        Assert.Null(snapshot.Find("o3", 7, false));
        Assert.Null(snapshot.Default(7, false));
        Assert.NotNull(snapshot.Find("gpt-4o", 1, true));
    }

    [Fact]
    public void Disabled_connections_offer_nothing()
    {
        var off = new ConnectionRow { Id = 2, Provider = "openai", Name = "Off", Enabled = false };
        Assert.Empty(Snapshot([off], [Row(2, "gpt-4o")]).Models);
    }

    [Fact]
    public void A_fixed_list_is_offered_in_its_order_whether_or_not_the_provider_lists_it()
    {
        var listed = new ConnectionRow { Id = 2, Provider = "openai", Name = "Fixed", Enabled = true, ModelIds = """["b","a"]""" };
        var snapshot = Snapshot([listed], [Row(2, "a", contextLimit: 5_000), Row(2, "c")]);

        Assert.Equal(["b", "a"], snapshot.Models.Select(model => model.Model));
        Assert.Equal(5_000, snapshot.Find(2, "a")?.ContextLimit);
    }

    [Fact]
    public void Capabilities_come_from_the_highest_layer_that_speaks()
    {
        var connection = new ConnectionRow
        {
            Id = 2,
            Provider = "openai",
            Name = "One",
            Enabled = true,
            DefaultCapabilities = """{"vision":false}""",
        };
        var snapshot = Snapshot(
            [connection],
            [Row(2, "gpt-4o", """{"tools":false}"""), Row(2, "o3")],
            [new ModelOverrideRow { ConnectionId = 2, Model = "o3", Capabilities = """{"vision":true}""", ContextLimit = 1_234 }]);

        var first = snapshot.Find(2, "gpt-4o")!;
        Assert.False(first.Capabilities.Vision);
        Assert.False(first.Capabilities.Tools);
        Assert.Equal("connection", first.CapabilitySource);
        var second = snapshot.Find(2, "o3")!;
        Assert.True(second.Capabilities is { Vision: true, Tools: true, Reasoning: true });
        Assert.Equal("manual", second.CapabilitySource);
        Assert.Equal(1_234, second.ContextLimit);
    }

    [Theory]
    [InlineData("openai/gpt-4o-mini", true, true, false, 128_000)]
    [InlineData("gpt-4.1-nano", true, true, false, 1_047_576)]
    [InlineData("claude-sonnet-4-5", true, true, true, 200_000)]
    [InlineData("models/gemini-2.5-pro", true, true, true, 1_048_576)]
    [InlineData("deepseek-reasoner", false, true, true, 128_000)]
    [InlineData("qwen3:14b", false, true, true, 131_072)]
    public void Known_families_are_recognised(string id, bool vision, bool tools, bool reasoning, int contextLimit)
    {
        var (capabilities, limit, _) = ModelFamilies.Guess(id);
        Assert.Equal(new ModelCapabilities(vision, tools, tools, reasoning, false), capabilities.Resolve());
        Assert.Equal(contextLimit, limit);
    }

    [Fact]
    public void Unknown_families_say_nothing() =>
        Assert.Equal((CapabilityLayer.Silent, null, null), ModelFamilies.Guess("my-own-finetune"));

    private static CatalogSnapshot Snapshot(ConnectionRow[] connections, ModelRow[] models, ModelOverrideRow[]? overrides = null) =>
        new(connections, models, overrides ?? [], []);

    private static ConnectionRow Real(long id, string? prefix = null) =>
        new()
        {
            Id = id,
            Provider = "openai",
            Name = $"Connection {id}",
            BaseUrl = "https://api.example.org/v1",
            Enabled = true,
            Prefix = prefix,
        };

    private static ModelRow Row(long connectionId, string model, string capabilities = "{}", int? contextLimit = null) =>
        new() { ConnectionId = connectionId, Model = model, Capabilities = capabilities, ContextLimit = contextLimit };
}
