"""Small exports of the layouts that have a built-in mapping: no line of them is anybody's."""

from __future__ import annotations

from exports import Export, Figures, workbook

UCI_HEAD = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
UCI_LINES = """536365,85123A,WHITE LIGHT HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom
536365,71053,WHITE METAL LANTERN,6,12/1/2010 8:26,3.39,17850,United Kingdom
536366,85123A,WHITE LIGHT HOLDER,2,12/13/2010 9:02,2.55,13047,France
536367,85123A,white light,1,12/13/2010 9:30,2.95,,United Kingdom
C536379,85123A,WHITE LIGHT HOLDER,-1,12/14/2010 9:41,2.55,17850,United Kingdom
A563185,B,Adjust bad debt,1,12/15/2010 14:50,11062.06,,United Kingdom
"""
UCI_II = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,"
    "Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Lineitem discount,"
    "Cancelled at,Refunded Amount,Vendor,Id\n"
    # 2 * 16 + 20 less 5.20 is 46.80: shares of 28.80 and 18.
    "#1001,ann@example.com,paid,2024-03-01 10:15:00 +0100,fulfilled,EUR,46.80,6.00,3.29,56.09,SPRING,5.20,"
    "2024-03-01 10:14:00 +0100,2,Fern print,16.00,FERN,0.00,,0.00,Kiln,5001\n"
    "#1001,ann@example.com,,,,,,,,,,,2024-03-01 10:14:00 +0100,1,Tote bag,20.00,TOTE,0.00,,,Kiln,\n"
    # 25 of which 10 were given back.
    "#1002,bob@example.com,partially_refunded,2024-03-05 09:00:00 +0100,fulfilled,EUR,25.00,0.00,0.00,25.00,,0.00,"
    "2024-03-05 09:00:00 +0100,1,Mug,25.00,MUG,0.00,,10.00,Kiln,5002\n"
    # Refunded with its shipping: no more than its subtotal comes back.
    "#1003,bob@example.com,refunded,2024-03-06 09:00:00 +0100,fulfilled,EUR,8.00,4.00,0.00,12.00,,0.00,"
    "2024-03-06 09:00:00 +0100,1,Card,8.00,,0.00,,12.00,Kiln,5003\n"
    "#1004,cid@example.com,refunded,2024-03-07 09:00:00 +0100,,EUR,99.00,0.00,0.00,99.00,,0.00,"
    "2024-03-07 09:00:00 +0100,1,Mug,99.00,MUG,0.00,2024-03-08 09:00:00 +0100,99.00,Kiln,5004\n"
    "#1005,dan@example.com,pending,,,EUR,16.00,0.00,0.00,16.00,,0.00,"
    "2024-03-08 09:00:00 +0100,1,Fern print,16.00,FERN,0.00,,0.00,Kiln,5005\n"
)
WOO = """order_id,order_number,order_date,status,order_total,order_currency,customer_id,billing_email,item_id,\
item_product_id,item_name,item_sku,item_quantity,item_subtotal,item_total,item_refunded,item_refunded_qty
70,70,2024-04-01 10:00:00,completed,38.00,USD,5,ann@example.com,1,11,Tea,TEA,2,20.00,18.00,0.00,0
70,70,2024-04-01 10:00:00,completed,38.00,USD,5,ann@example.com,2,12,Cup,CUP,1,20.00,20.00,20.00,-1
71,71,2024-04-02 10:00:00,processing,10.00,USD,0,bob@example.com,3,11,Tea,TEA,1,10.00,10.00,0.00,0
72,72,2024-04-03 10:00:00,refunded,10.00,USD,6,cid@example.com,4,11,Tea,TEA,1,10.00,10.00,0.00,0
73,73,2024-04-04 10:00:00,failed,10.00,USD,6,cid@example.com,5,11,Tea,TEA,1,10.00,10.00,0.00,0
"""
OLIST: dict[str, str] = {
    "olist_order_items_dataset.csv": "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,"
    "freight_value\no1,1,p1,s1,2018-01-12 10:00:00,100.00,10.00\no1,2,p1,s1,2018-01-12 10:00:00,100.00,10.00\n"
    "o2,1,p2,s1,2018-02-12 10:00:00,50.00,5.00\no3,1,p2,s1,2018-03-12 10:00:00,55.00,5.00\n",
    "olist_orders_dataset.csv": "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at\n"
    "o1,c1,delivered,2018-01-10 10:00:00,\no2,c2,delivered,2018-02-10 10:00:00,\no3,c3,canceled,2018-03-10 10:00:00,\n",
    "olist_customers_dataset.csv": "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,"
    "customer_state\nc1,u1,01310,sao paulo,SP\nc2,u1,01310,sao paulo,SP\nc3,u2,20040,rio,RJ\n",
    "olist_products_dataset.csv": "product_id,product_category_name,product_name_lenght\np1,beleza,10\np2,,\n",
    "product_category_name_translation.csv": "product_category_name,product_category_name_english\nbeleza,beauty\n",
    "olist_order_reviews_dataset.csv": "review_id,order_id,review_score,review_comment_title,review_comment_message,"
    "review_creation_date\nr1,o1,5,,muito bom,2018-01-20 00:00:00\nr2,o2,4,,,2018-02-20 00:00:00\n",
    "olist_order_payments_dataset.csv": "order_id,payment_sequential,payment_value\no1,1,220.00\no2,1,55.00\n",
}
INSTACART: dict[str, str] = {
    "orders.csv": "order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,days_since_prior_order\n"
    "21,1,prior,1,2,08,\n22,1,prior,2,3,07,15.0\n23,1,train,3,3,12,21.0\n31,2,prior,1,2,10,\n32,2,test,2,5,11,3.0\n",
    "order_products__prior.csv": "order_id,product_id,add_to_cart_order,reordered\n"
    "21,196,1,0\n21,14084,2,0\n22,196,1,1\n31,32792,1,0\n",
    "order_products__train.csv": "order_id,product_id,add_to_cart_order,reordered\n23,196,1,1\n",
    "products.csv": "product_id,product_name,aisle_id,department_id\n"
    "196,Soda,77,7\n14084,Milk,91,16\n32792,Chips,23,19\n",
    "aisles.csv": "aisle_id,aisle\n77,soft drinks\n91,milk\n23,chips\n",
    "departments.csv": "department_id,department\n7,beverages\n16,dairy\n19,snacks\n",
}
HM: dict[str, str] = {
    "transactions_train.csv": "t_dat,customer_id,article_id,price,sales_channel_id\n"
    "2018-09-20,0005a1,663713001,0.05,2\n2018-09-20,0005a1,663713001,0.05,2\n2018-09-24,007b2,0541518023,0.03,1\n",
    "articles.csv": "article_id,product_code,prod_name,product_type_name,product_group_name,colour_group_name,"
    "department_name,section_name,detail_desc\n"
    "0663713001,0663713,Strap top,Vest top,Garment Upper body,Black,Jersey,Women,Jersey top.\n"
    "0541518023,0541518,Bag,Bag,Accessories,Red,Bags,Women,A bag.\n",
    "customers.csv": "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code\n"
    "0005a1,,,ACTIVE,NONE,49,52043e\n007b2,1,1,ACTIVE,Regularly,25,2973ab\n",
}
RETAILROCKET: dict[str, str] = {
    "events.csv": "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n"
    "1433222276276,599528,addtocart,356475,\n1433222276286,599528,transaction,356475,4000\n"
    "1433222276290,599528,transaction,356476,4000\n1433222999999,257597,transaction,355908,4001\n",
    "item_properties_part1.csv": "timestamp,itemid,property,value\n1435460400000,355908,categoryid,1338\n"
    "1441508400000,356475,888,1116713 960601\n",
    "item_properties_part2.csv": "timestamp,itemid,property,value\n1435460400000,356475,categoryid,1114\n",
    "category_tree.csv": "categoryid,parentid\n1338,213\n1114,\n",
}
REES46 = """event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde
2019-10-01 00:04:00 UTC,cart,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,543272936,8187d148
2019-10-01 00:05:14 UTC,purchase,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,543272936,8187d148
2019-10-01 00:06:02 UTC,purchase,1002532,2053013555631882655,electronics.smartphone,apple,642.69,551377651,3c80f0d6
"""

EXPORTS = {
    # 6 * 2.55 + 6 * 3.39 + 2 * 2.55 + 2.95, of which 2.55 came back; the adjustment of bad debt is no order.
    "uci_online_retail": Export(
        {"OnlineRetail.csv": ",".join(UCI_HEAD) + "\n" + UCI_LINES},
        "uci_online_retail",
        Figures(rows=5, orders=3, users=2, gross=43.69, net=41.14),
        {"returns": 1, "products": 2, "users": 2},
    ),
    # 12 * 6.95 + 2.10 on the first sheet, 3 * 1.25 on the second.
    "uci_online_retail_ii": Export(
        {
            "online_retail_II.xlsx": workbook(
                {
                    "Year 2009-2010": [
                        UCI_II,
                        [489434, 85048, "GLASS BALL", 12, "2009-12-01 07:45:00", 6.95, 13085, "United Kingdom"],
                        [489434, "79323P", "PINK LIGHTS", 1, "2009-12-01 07:45:00", 2.10, 13085, "United Kingdom"],
                    ],
                    "Year 2010-2011": [
                        UCI_II,
                        [536370, 22728, "ALARM CLOCK", 3, "2010-12-01 08:45:00", 1.25, 12583, "France"],
                        ["C536391", 22728, "ALARM CLOCK", -1, "2010-12-02 10:24:00", 1.25, 12583, "France"],
                    ],
                }
            )
        },
        "uci_online_retail_ii",
        Figures(rows=4, orders=2, users=2, gross=89.25, net=88.0),
        {"returns": 1, "products": 3, "users": 2},
    ),
    # 46.80 + 25 + 8, of which 10 + 8 came back.
    "shopify": Export(
        {"orders_export_1.csv": SHOPIFY},
        "shopify",
        Figures(rows=6, orders=3, users=2, gross=79.8, net=61.8),
        {"returns": 2, "products": 4},
    ),
    # 18 + 20 + 10 + 10, of which the cup (20) and order 72 (10) came back; a guest has no user.
    "woocommerce": Export(
        {"orders.csv": WOO},
        "woocommerce",
        Figures(rows=5, orders=3, users=2, gross=58.0, net=28.0),
        {"returns": 2, "products": 2},
    ),
    # Two pieces of p1 and one of p2, by one person under two customer ids; the third order is cancelled.
    "olist": Export(
        dict(OLIST),
        "olist",
        Figures(rows=4, orders=2, users=1, gross=250.0, net=250.0),
        {"products": 2, "texts": 1, "users": 2},
    ),
    "instacart": Export(dict(INSTACART), "instacart", Figures(rows=5, orders=4, users=2), {"products": 3}),
    # 0.05 + 0.05 + 0.03; there are no order numbers, so that a user's day is an order.
    "hm": Export(dict(HM), "hm", Figures(rows=3, orders=2, users=2, gross=0.13, net=0.13), {"products": 2, "users": 2}),
    "retailrocket": Export(
        dict(RETAILROCKET), "retailrocket", Figures(rows=3, orders=2, users=2), {"events": 5, "products": 2}
    ),
    # 130.76 + 642.69.
    "rees46": Export(
        {"2019-Oct.csv": REES46},
        "rees46",
        Figures(rows=2, orders=2, users=2, gross=773.45, net=773.45),
        {"events": 4, "products": 3},
    ),
}
