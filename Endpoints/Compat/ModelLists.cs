using System.Text.Json;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// The models in the form of each vendor: OpenAI's with what clients of OpenRouter, Groq and vLLM read beside it, and Anthropic's, page by
/// page (Claude docs: "List models").
/// </summary>
internal static class ModelLists
{
    private const int MaxPage = 1_000;
    private const int DefaultPage = 20;

    public static JsonResult OpenAi(IReadOnlyList<(CatalogModel Found, ResolvedModel Resolved)> models) => new(json =>
    {
        json.WriteString("object", "list");
        WriteList(json, models, isAnthropic: false);
    });

    public static JsonResult Anthropic(IReadOnlyList<(CatalogModel Found, ResolvedModel Resolved)> models, IQueryCollection query)
    {
        var size = query["limit"] is [{ } text] && int.TryParse(text, out var limit) ? limit : DefaultPage;
        if (size is < 1 or > MaxPage)
        {
            throw CompatRefusal.Bad($"limit is 1 to {MaxPage}.");
        }

        var after = Place("after_id") is { } last ? last + 1 : 0;
        var before = Place("before_id");
        var start = before is { } end ? Math.Max(0, end - size) : after;
        var page = models.Skip(start).Take(before is null ? size : Math.Min(size, before.Value)).ToList();
        return new JsonResult(json =>
        {
            WriteList(json, page, isAnthropic: true);
            json.WriteBoolean("has_more", before is null ? start + page.Count < models.Count : start > 0);
            json.WriteString("first_id", page is [var (first, _), ..] ? first.PublicId : null);
            json.WriteString("last_id", page is [.., var (final, _)] ? final.PublicId : null);
        });

        int? Place(string name)
        {
            if (query[name] is not [{ Length: > 0 } id])
            {
                return null;
            }

            var at = models.Index().FirstOrDefault(model => model.Item.Found.PublicId == id, (Index: -1, Item: default)).Index;
            return at >= 0 ? at : throw CompatRefusal.Bad($"{name} is not the id of a model.");
        }
    }

    public static void Write(Utf8JsonWriter json, CatalogModel model, ResolvedModel resolved, bool isAnthropic)
    {
        var at = model.Connection.Row.CreatedAt;
        json.WriteString("id", model.PublicId);
        if (isAnthropic)
        {
            json.WriteString("type", "model");
            json.WriteString("display_name", model.Name);
            json.WriteString("created_at", DateTimeOffset.FromUnixTimeMilliseconds(at).UtcDateTime);
            json.WriteNumber("max_input_tokens", resolved.ContextLimit);
            Number(json, "max_tokens", resolved.MaxOutputTokens);
            return;
        }

        json.WriteString("object", "model");
        json.WriteNumber("created", at / 1_000);
        json.WriteString("owned_by", model.Connection.Row.Name);
        json.WriteString("name", model.Name);
        json.WriteNumber("context_length", resolved.ContextLimit);
        json.WriteNumber("context_window", resolved.ContextLimit);
        json.WriteNumber("max_model_len", resolved.ContextLimit);
        Number(json, "max_completion_tokens", resolved.MaxOutputTokens);
        json.WriteStartObject("architecture");
        json.WriteStartArray("input_modalities");
        json.WriteStringValue("text");
        if (resolved.Capabilities.Vision)
        {
            json.WriteStringValue("image");
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteList(
        Utf8JsonWriter json, IEnumerable<(CatalogModel Found, ResolvedModel Resolved)> models, bool isAnthropic)
    {
        json.WriteStartArray("data");
        foreach (var (found, resolved) in models)
        {
            json.WriteStartObject();
            Write(json, found, resolved, isAnthropic);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
