using System.Globalization;
using System.Text.Encodings.Web;
using AiChat.Data;

namespace AiChat.Endpoints.Http;

/// <summary>The page that stands in for the real one while the server starts: no script, no other file, in English or Chinese.</summary>
internal static class StartingPage
{
    /// <summary>Its own style is all that it needs.</summary>
    public const string Policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

    /// <param name="languages">The header Accept-Language; Chinese when it names that before English.</param>
    public static string Of(StartStep step, string? languages)
    {
        var isChinese = languages?.Split(',').Select(part => part.Trim()[..Math.Min(2, part.Trim().Length)].ToLowerInvariant())
            .FirstOrDefault(language => language is "zh" or "en") == "zh";
        var (title, doing, note) = isChinese
            ? ("AiChat 正在启动", Chinese(step.Name), "数据完好，请勿中断。完成后本页会自动打开。")
            : ("AiChat is starting", English(step.Name), "Your data is safe. This page opens by itself when the server is ready.");
        var share = step.Percent is { } percent
            ? string.Create(CultureInfo.InvariantCulture, $"<progress max=100 value={percent}></progress><p>{percent} %</p>")
            : "<progress></progress>";
        var detail = step.Detail.Length > 0 ? $"<p><small>{HtmlEncoder.Default.Encode(step.Detail)}</small></p>" : "";
        return $$"""
            <!doctype html>
            <html lang="{{(isChinese ? "zh" : "en")}}">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>{{title}}</title>
            <style>
            :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
            body { margin: 0; min-height: 100vh; display: grid; place-content: center; text-align: center; padding: 0 1rem }
            h1 { font-size: 1.25rem; font-weight: 600 }
            p { margin: .5rem 0 } small { opacity: .7 }
            progress { width: min(20rem, 80vw); justify-self: center }
            </style>
            <body>
            <h1>{{title}}</h1>
            <p>{{doing}}</p>
            {{share}}
            {{detail}}
            <p><small>{{note}}</small></p>
            """;
    }

    private static string English(string step) => step switch
    {
        StartStep.Copy => "Copying the database before its upgrade",
        StartStep.CheckCopy => "Checking the copy of the database",
        StartStep.Migrate => "Upgrading the database",
        StartStep.Index => "Preparing the search",
        StartStep.Finish => "Finishing the upgrade",
        StartStep.TryLog => "Checking what the last run left",
        StartStep.Wait => "Waiting for the previous process to end",
        _ => "One moment",
    };

    private static string Chinese(string step) => step switch
    {
        StartStep.Copy => "正在升级前复制数据库",
        StartStep.CheckCopy => "正在检查数据库副本",
        StartStep.Migrate => "正在升级数据库",
        StartStep.Index => "正在建立搜索索引",
        StartStep.Finish => "正在完成升级",
        StartStep.TryLog => "正在检查上次运行留下的日志",
        StartStep.Wait => "正在等待上一个进程结束",
        _ => "请稍候",
    };
}
